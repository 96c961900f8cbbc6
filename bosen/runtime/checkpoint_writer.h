#pragma once

// Writes a process's checkpoints in a thread of its own, while workers go on. A checkpoint is written when all shards
// and workers of the process have handed over their parts; one at a time.

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/store/checkpoint_folder.h"
#include "bosen/wire/shard_snapshot.h"

namespace bosen::runtime {

/// Any thread.
class CheckpointWriter {
 public:
  struct Settings {
    std::string folder;
    store::CheckpointHead head;  ///< but for clock and tables
    Clock first_clock = 0;       ///< of the checkpoint that the job goes on from; 0: of none
    int shards = 0;              ///< of this process
    int workers = 0;
  };
  struct Listener {
    /// A checkpoint could not be written. Called once.
    std::function<void(const Error& cause)> on_failure;
    /// The writer is idle again.
    std::function<void()> on_idle;
  };

  CheckpointWriter(Settings settings, Listener listener);
  /// Waits until what is whole has been written.
  ~CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  void add(ShardId shard, wire::ShardSnapshot snapshot);
  void add(Clock clock, std::vector<store::KeptMemory> kept);

  /// Whether nothing waits to be written.
  [[nodiscard]] bool idle();
  void await_idle();
  /// The clock of the last checkpoint that was written; 0: none.
  [[nodiscard]] Clock last_written();

 private:
  void run(const std::stop_token& stop);
  void write(store::CheckpointPart part);
  void tidy_up(Clock written);
  void begin_if_whole();

  const Settings settings_;
  const Listener listener_;
  const store::CheckpointFolder folder_;
  std::vector<Clock> kept_;  // of checkpoints that are not removed, ascending; the thread's

  std::mutex mutex_;  // a leaf; guards all below
  std::condition_variable_any changed_;
  store::CheckpointPart gathered_;
  int workers_gathered_ = 0;
  std::optional<store::CheckpointPart> whole_;
  bool writing_ = false;
  bool failed_ = false;
  Clock last_written_ = 0;

  std::jthread thread_;  // uses all of the above
};

}  // namespace bosen::runtime
