#pragma once

// Counts bytes by the table or channel that they travel for. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "bosen/base/traffic.h"
#include "bosen/base/types.h"
#include "bosen/wire/messages.h"

namespace bosen::net {

class TrafficMeter {
 public:
  void sent(const std::optional<wire::Message>& message, std::size_t bytes);
  void received(const std::optional<wire::Message>& message, std::size_t bytes);

  [[nodiscard]] Traffic table(TableId table) const;
  [[nodiscard]] Traffic channel(std::uint32_t channel) const;

 private:
  /// None for messages that belong to no table or channel.
  Traffic* find(const std::optional<wire::Message>& message);
  void count(const std::optional<wire::Message>& message, std::size_t bytes, std::int64_t Traffic::*direction);

  mutable std::mutex mutex_;  // a leaf; guards both, by id
  std::vector<Traffic> tables_;
  std::vector<Traffic> channels_;
};

}  // namespace bosen::net
