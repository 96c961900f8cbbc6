#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bosen/traffic.h"
#include "bosen/worker.h"

namespace bosen {

namespace runtime {
class ChannelHandle;
}

/// A message as its receiver sees it.
struct ChannelMessage {
  WorkerId from = 0;
  std::int64_t tag = 0;
  std::vector<std::byte> bytes;
};

/// Messages from worker to worker: tagged, in order between any two workers, exactly once, bounded. A handle, like
/// Table.
///
/// A worker that the job doesn't have, or a message of more than 256 MiB, throws Error(kUsage). So does, in a job of
/// one process, a wait that nobody can end.
class Channel {
 public:
  /// None yet: using it throws Error(kUsage).
  Channel() = default;
  explicit Channel(runtime::ChannelHandle& handle) : handle_(&handle) {}

  /// Hands the bytes over to worker `to`. Waits while ChannelOptions::capacity messages of this worker wait there.
  void send(Worker& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes) const;

  /// The oldest message with `tag` from `from` (from anybody where none is named). Waits for it.
  [[nodiscard]] ChannelMessage receive(Worker& worker, std::int64_t tag, std::optional<WorkerId> from = {}) const;

  /// The same without waiting; nothing where no such message is here.
  [[nodiscard]] std::optional<ChannelMessage> try_receive(Worker& worker, std::int64_t tag,
                                                          std::optional<WorkerId> from = {}) const;

  /// What the channel has cost this process on the network. Any thread.
  [[nodiscard]] Traffic traffic() const;

 private:
  runtime::ChannelHandle* handle_ = nullptr;
};

}  // namespace bosen
