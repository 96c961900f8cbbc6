#include "bosen/net/traffic_meter.h"

#include <variant>

namespace bosen::net {
namespace {

Traffic& entry(std::vector<Traffic>& traffic, std::size_t id) {
  if (id >= traffic.size()) traffic.resize(id + 1);
  return traffic[id];
}

Traffic look_up(const std::vector<Traffic>& traffic, std::size_t id) {
  return id < traffic.size() ? traffic[id] : Traffic{};
}

}  // namespace

Traffic* TrafficMeter::find(const std::optional<wire::Message>& message) {
  if (!message) return nullptr;
  return std::visit(
      [this](const auto& known) -> Traffic* {
        if constexpr (requires { known.table; }) {
          return &entry(tables_, known.table);
        } else if constexpr (requires { known.channel; }) {
          return &entry(channels_, known.channel);
        } else {
          return nullptr;
        }
      },
      *message);
}

void TrafficMeter::sent(const std::optional<wire::Message>& message, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (Traffic* const traffic = find(message)) traffic->bytes_sent += static_cast<std::int64_t>(bytes);
}

void TrafficMeter::received(const std::optional<wire::Message>& message, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (Traffic* const traffic = find(message)) traffic->bytes_received += static_cast<std::int64_t>(bytes);
}

Traffic TrafficMeter::table(TableId table) const {
  const std::lock_guard lock(mutex_);
  return look_up(tables_, table);
}

Traffic TrafficMeter::channel(std::uint32_t channel) const {
  const std::lock_guard lock(mutex_);
  return look_up(channels_, channel);
}

}  // namespace bosen::net
