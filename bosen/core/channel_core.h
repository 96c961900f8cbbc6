#pragma once

// One channel as one process sees it: what has arrived for its workers, and how much its workers may still send.
// Under the client's lock.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/options.h"
#include "bosen/core/membership.h"
#include "bosen/core/outbox.h"

namespace bosen::core {

class ChannelCore {
 public:
  ChannelCore(std::uint32_t id, std::string name, const ChannelOptions& options, const Membership& members);

  [[nodiscard]] const std::string& name() const { return name_; }

  /// Sends unless as many messages as its capacity from this worker wait there; returns whether it did.
  bool send(WorkerId from, WorkerId to, std::int64_t tag, const BufferRef& bytes, Outbox& outbox);

  /// Takes the oldest message for `to` with that tag and sender (any where none is named).
  std::optional<wire::ChannelData> receive(WorkerId to, std::int64_t tag, std::optional<WorkerId> from, Outbox& outbox);

  void on_data(wire::ChannelData data);
  void on_credit(const wire::ChannelCredit& credit);

 private:
  const std::uint32_t id_;
  const std::string name_;
  const ChannelOptions options_;
  const Membership& members_;
  std::vector<std::deque<wire::ChannelData>> arrived_;        // by local worker
  std::map<std::pair<WorkerId, WorkerId>, int> outstanding_;  // sent and not yet received, by (from, to)
};

}  // namespace bosen::core
