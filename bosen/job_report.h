#pragma once

// What a job tells its user: progress on stderr, and events in the metrics file. Not for apps: Cluster::report is.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/app.h"
#include "bosen/base/interrupt_notice.h"
#include "bosen/base/types.h"
#include "bosen/monitor/event_log.h"
#include "bosen/monitor/process_status.h"
#include "bosen/monitor/progress.h"
#include "bosen/monitor/tensorboard_log.h"
#include "bosen/runtime/process.h"

namespace bosen {

/// One a process. Any thread may call evaluation and advanced.
class JobReport {
 public:
  using Measures = std::vector<std::pair<std::string, double>>;

  /// Writes no events and no progress where the options name no metrics file and `quiet`.
  enum class Progress { kShown, kHidden };
  /// Times are the platform's.
  JobReport(std::string program, const Options& options, const runtime::Platform& platform, Progress progress);

  /// Proves that the metrics file can be written, and leaves what is in it.
  void check_files() const;
  /// The job has begun. Files are begun only by the first call of `begin`, so that a run that fails before its workers
  /// run (its data may be malformed) loses nothing of the run before.
  void started(runtime::Process& process, const App& app);
  /// Begins the files where that was not done: rank 0's, before any other process may write. Any thread.
  void begin();

  /// Checkpoints up to that clock are not those of this run.
  void set_aside(Clock newest);

  /// Measures by name that an app made at a clock.
  void evaluation(Clock clock, const Measures& measures);
  /// At which clock the job will end; workers' first clock is number `first`.
  void expect_clocks(Clock clocks, Clock first);
  /// A worker has advanced.
  void advanced(runtime::Process& process, const runtime::WorkerContext& worker);

  /// Adds the latest evaluations to how this process is. Any thread.
  void describe(monitor::ProcessStatus& status);
  /// How many clocks workers will make.
  [[nodiscard]] Clock expected_clocks();

  /// All workers of the job have ended; rank 0 alone calls it.
  void ended(runtime::Process& process);
  /// The job could not come to its end: says how to go on, where there is a way.
  void failed(runtime::Process& process);

 private:
  [[nodiscard]] double now_s() const;
  void open();
  [[nodiscard]] bool goes_on();
  void write_clock(const runtime::Process& process, Clock clock);
  void show(Clock clock);
  void prepare_for_interrupt(runtime::Process& process);
  [[nodiscard]] std::string way_on() const;
  void print_summary(const monitor::EndEvent& end) const;
  void print_files() const;
  void print_checkpoints(runtime::Process& process) const;
  /// A line between those of progress. Any thread.
  void warn(const std::string& text);

  const std::string program_;
  const Options options_;
  const runtime::Platform& platform_;
  const core::TimeNs start_;
  monitor::StartEvent start_event_;
  std::once_flag begun_;
  std::unique_ptr<monitor::EventLog> log_;  ///< constant once begun
  std::unique_ptr<monitor::Progress> progress_;
  std::unique_ptr<monitor::TensorboardLog> tensorboard_;  ///< rank 0's; guarded by mutex_

  // By local worker; each entry belongs to its worker's thread.
  std::vector<runtime::WorkerTimes> reported_;
  // Sums since the last clock event; relaxed, as they are only statistics.
  std::atomic<std::int64_t> compute_ns_{0};
  std::atomic<std::int64_t> wait_ns_{0};

  std::mutex mutex_;  // guards all below; taken before the log's and the progress's
  double next_clock_event_s_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  Clock clock_ = 0;
  Clock clocks_ = 0;       ///< at which the job ends; 0: not known
  Clock first_clock_ = 0;  ///< of an earlier run, which this one continues, where its workers begin at 0
  Clock resumed_at_ = 0;   ///< their clock when they begin
  std::optional<InterruptNotice> notice_;  ///< rank 0's, where there are checkpoints
  bool has_checkpoint_ = false;            ///< and says so
  Measures measures_;
  std::int64_t evaluations_before_ = 0;  ///< how many there were before those in evaluations_
  std::deque<monitor::Evaluation> evaluations_;
};

}  // namespace bosen
