#include "bosen/core/channel_core.h"

#include <algorithm>

namespace bosen::core {

ChannelCore::ChannelCore(std::uint32_t id, std::string name, const ChannelOptions& options, const Membership& members)
    : id_(id),
      name_(std::move(name)),
      options_(options),
      members_(members),
      arrived_(static_cast<std::size_t>(members.workers[static_cast<std::size_t>(members.rank)])) {}

bool ChannelCore::send(WorkerId from, WorkerId to, std::int64_t tag, const BufferRef& bytes, Outbox& outbox) {
  int& outstanding = outstanding_[{from, to}];
  if (outstanding == options_.capacity) return false;
  ++outstanding;
  wire::ChannelData data{.channel = id_, .from = from, .to = to, .tag = tag, .bytes = bytes};
  const Rank target = members_.rank_of_worker(to);
  if (target == members_.rank) {
    on_data(std::move(data));
  } else {
    outbox.send(NodeId::client(target), std::move(data), options_.priority);
  }
  return true;
}

std::optional<wire::ChannelData> ChannelCore::receive(WorkerId to, std::int64_t tag, std::optional<WorkerId> from,
                                                      Outbox& outbox) {
  auto& arrived = arrived_[static_cast<std::size_t>(to - members_.first_worker(members_.rank))];
  const auto found = std::find_if(arrived.begin(), arrived.end(), [&](const wire::ChannelData& data) {
    return data.tag == tag && (!from || data.from == *from);
  });
  if (found == arrived.end()) return {};
  wire::ChannelData data = std::move(*found);
  arrived.erase(found);
  const wire::ChannelCredit credit{.channel = id_, .from = to, .to = data.from, .messages = 1};
  const Rank sender = members_.rank_of_worker(data.from);
  if (sender == members_.rank) {
    on_credit(credit);
  } else {
    // What waits for it may be urgent; where that is not, the credit is no burden on the network either.
    outbox.send(NodeId::client(sender), credit, std::max(0, options_.priority));
  }
  return data;
}

void ChannelCore::on_data(wire::ChannelData data) {
  const WorkerId first = members_.first_worker(members_.rank);
  const auto local = static_cast<std::size_t>(data.to - first);
  if (data.to < first || local >= arrived_.size()) return;
  arrived_[local].push_back(std::move(data));
}

void ChannelCore::on_credit(const wire::ChannelCredit& credit) {
  const auto found = outstanding_.find({credit.to, credit.from});
  if (found == outstanding_.end()) return;
  // No more than is owed, whatever the peer says.
  found->second -= static_cast<int>(std::min(static_cast<std::uint32_t>(found->second), credit.messages));
}

}  // namespace bosen::core
