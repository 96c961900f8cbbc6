#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "bosen/core/channel_core.h"
#include "bosen/runtime/worker_context.h"

namespace bosen::runtime {

class Process;

/// One channel in the process. Any worker, each with its own context.
class ChannelHandle {
 public:
  ChannelHandle(Process& process, core::ChannelCore& channel) : process_(process), channel_(channel) {}

  void send(WorkerContext& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes);
  wire::ChannelData receive(WorkerContext& worker, std::int64_t tag, std::optional<WorkerId> from);
  std::optional<wire::ChannelData> try_receive(WorkerContext& worker, std::int64_t tag, std::optional<WorkerId> from);

 private:
  void check_worker(const WorkerContext& worker, WorkerId other) const;

  Process& process_;
  core::ChannelCore& channel_;
};

}  // namespace bosen::runtime
