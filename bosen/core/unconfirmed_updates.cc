#include "bosen/core/unconfirmed_updates.h"

#include <algorithm>

#include "bosen/base/assert.h"

namespace bosen::core {

void UnconfirmedUpdates::add_batch(ShardId shard, std::uint64_t number, BufferRef block) {
  queue(shard).batches.push_back({number, std::move(block), 0});
}

void UnconfirmedUpdates::add_row(ShardId shard, std::uint32_t i, std::uint32_t slot, std::uint32_t slots) {
  BOSEN_ASSERT(slot < slots);
  Queue& to = queue(shard);
  if (slot >= newest_.size()) newest_.resize(slots + slots / 16);
  const auto end = static_cast<std::uint32_t>(to.entries.size());
  const std::uint32_t before = position_of(to, slot);
  const auto batch = static_cast<std::uint32_t>(to.first_batch + to.batches.size() - 1);
  to.entries.push_back({batch, i, slot, before == end ? 0 : end - before});
  newest_[slot] = to.first_entry + end;
  ++to.batches.back().entries;
}

void UnconfirmedUpdates::confirm(ShardId shard, std::uint64_t number) {
  Queue& of = queue(shard);
  while (!of.batches.empty() && of.batches.front().number <= number) {
    const std::uint32_t entries = of.batches.front().entries;
    of.entries.erase(of.entries.begin(), of.entries.begin() + entries);
    of.batches.pop_front();
    of.first_entry += entries;
    ++of.first_batch;
  }
}

std::size_t UnconfirmedUpdates::batches() const {
  std::size_t count = 0;
  for (const Queue& queue : queues_) count += queue.batches.size();
  return count;
}

std::uint32_t UnconfirmedUpdates::position_of(const Queue& queue, std::uint32_t slot) const {
  const auto end = static_cast<std::uint32_t>(queue.entries.size());
  if (slot >= newest_.size()) return end;
  const std::uint32_t position = newest_[slot] - queue.first_entry;
  return position < end && queue.entries[position].slot == slot ? position : end;
}

const std::vector<const std::byte*>& UnconfirmedUpdates::updates(ShardId shard, std::uint32_t slot, RowId row) {
  updates_.clear();
  const Queue& of = queue(shard);
  std::uint32_t position = position_of(of, slot);
  while (position < of.entries.size()) {
    const Entry& entry = of.entries[position];
    const Buffer& block = *of.batches[entry.batch - of.first_batch].block;
    const wire::RowBlockView view(shape_, block);
    if (view.id(entry.row) != row) break;  // of the row that had the slot before
    updates_.push_back(block.data + view.offset(entry.row));
    if (entry.back == 0 || entry.back > position) break;
    position -= entry.back;
  }
  std::reverse(updates_.begin(), updates_.end());
  return updates_;
}

}  // namespace bosen::core
