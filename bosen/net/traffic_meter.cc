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

/// What the app gave to travel.
std::size_t content_bytes(const wire::Message& message) {
  return std::visit(
      [](const auto& known) -> std::size_t {
        if constexpr (requires { known.block; }) {
          return known.block ? known.block->size - known.block->rows * sizeof(RowId) : 0;
        } else if constexpr (requires { known.bytes; }) {
          return known.bytes ? known.bytes->size : 0;
        } else {
          return 0;
        }
      },
      message);
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

void TrafficMeter::count(const std::optional<wire::Message>& message, std::size_t bytes,
                         std::int64_t Traffic::*direction) {
  Traffic* const traffic = find(message);
  if (traffic == nullptr) return;
  traffic->*direction += static_cast<std::int64_t>(bytes);
  traffic->framing_bytes += static_cast<std::int64_t>(bytes - content_bytes(*message));
}

void TrafficMeter::sent(const std::optional<wire::Message>& message, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  count(message, bytes, &Traffic::bytes_sent);
}

void TrafficMeter::received(const std::optional<wire::Message>& message, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  count(message, bytes, &Traffic::bytes_received);
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
