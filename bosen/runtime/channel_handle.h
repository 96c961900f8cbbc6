#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bosen/base/traffic.h"
#include "bosen/core/channel_core.h"
#include "bosen/runtime/worker_context.h"

namespace bosen::runtime {

class Process;

/// One channel in the process. Any worker, each with its own context.
class ChannelHandle {
 public:
  ChannelHandle(Process& process, core::ChannelCore& channel, std::uint32_t id)
      : process_(process), channel_(channel), id_(id) {}

  [[nodiscard]] const std::string& name() const { return channel_.name(); }

  void send(WorkerContext& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes);
  /// Sends unless the receiver has no room for more; returns whether it did.
  bool try_send(WorkerContext& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes);
  wire::ChannelData receive(WorkerContext& worker, std::int64_t tag, std::optional<WorkerId> from);
  std::optional<wire::ChannelData> try_receive(WorkerContext& worker, std::int64_t tag, std::optional<WorkerId> from);

  [[nodiscard]] Traffic traffic() const;

 private:
  BufferRef message_of(std::span<const std::byte> bytes);
  bool pass_on(WorkerContext& worker, WorkerId to, std::int64_t tag, const BufferRef& message);
  void check_worker(const WorkerContext& worker, WorkerId other) const;

  Process& process_;
  core::ChannelCore& channel_;
  const std::uint32_t id_;
};

}  // namespace bosen::runtime
