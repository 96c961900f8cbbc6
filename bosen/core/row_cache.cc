#include "bosen/core/row_cache.h"

#include <algorithm>
#include <cstring>

#include "bosen/base/limits.h"

namespace bosen::core {

using wire::RowBlockView;
using wire::SparseRecord;

namespace {

// A search looks at all slots, so it finds candidates for more than what is to go now: one in so many rows.
constexpr std::size_t kRowsPerCandidate = 16;

bool is_thin_in_cache(const Buffer& block) { return block.rows >= 8 && block.live_in_cache * 4 < block.rows; }

}  // namespace

RowCache::RowCache(BufferPool& pool, const wire::RowShape& shape, Reclaimer& reclaimer)
    : shape_(shape), reclaimer_(reclaimer), builder_(pool, shape, limits::kBlockBytes) {}

RowCache::~RowCache() {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Buffer* block = slots_[i].block;
    if (block != nullptr && --block->live_in_cache == 0) block->release();
  }
}

std::uint32_t RowCache::find_or_add(RowId row, ShardId shard) {
  std::uint32_t number = find(row);
  if (number != RowIndex::kNone) return number;
  if (!recycled_.empty() && recycled_.front().epoch < reclaimer_.oldest_epoch()) {
    number = recycled_.front().slot;
    recycled_.pop_front();
  } else {
    number = slots_.grow();
  }
  RowSlot& fresh = slots_[number];
  fresh.id.store(row, std::memory_order_relaxed);
  fresh.shard = static_cast<std::uint16_t>(shard);
  fresh.clock.store(kNoClock, std::memory_order_relaxed);
  fresh.data.store(nullptr, std::memory_order_relaxed);
  fresh.state.store(0, std::memory_order_relaxed);
  auto outgrown = index_.insert(row, number,
                                [this](std::uint32_t slot) { return slots_[slot].id.load(std::memory_order_relaxed); });
  if (outgrown) reclaimer_.retire(std::move(outgrown));
  return number;
}

void RowCache::publish(RowSlot& slot, const std::byte* data, Buffer* block, Clock clock, bool subscribed) {
  Buffer* old = slot.block;
  if (block->live_in_cache++ == 0) block->retain();
  slot.block = block;
  // Readers look at the clock first: they must find a version at least as new as the clock says.
  slot.data.store(data, std::memory_order_release);
  if (clock > slot.clock.load(std::memory_order_relaxed)) slot.clock.store(clock, std::memory_order_release);
  if (subscribed) slot.state.fetch_or(RowSlot::kSubscribed, std::memory_order_release);
  if (old != nullptr) release(old);
}

void RowCache::release(Buffer* block) {
  if (--block->live_in_cache == 0) {
    reclaimer_.retire(BufferRef::adopt(block));
  } else if (is_thin_in_cache(*block) && (thinned_.empty() || thinned_.back().get() != block)) {
    thinned_.push_back(BufferRef::share(block));
  }
}

void RowCache::compact() {
  for (std::size_t next = 0; next < thinned_.size(); ++next) {
    const BufferRef block = thinned_[next];
    if (block->live_in_cache == 0) continue;
    const RowBlockView view(shape_, *block);
    for (std::size_t i = 0; i < view.size(); ++i) {
      const std::uint32_t number = find(view.id(i));
      if (number == RowIndex::kNone || slots_[number].block != block.get()) continue;
      RowSlot& slot = slots_[number];
      const std::byte* data = slot.data.load(std::memory_order_relaxed);
      std::byte* copy = nullptr;
      std::size_t bytes = shape_.row_bytes();
      if (shape_.kind == RowKind::kDense) {
        copy = builder_.append_dense(view.id(i));
      } else {
        const std::size_t count = SparseRecord::count(data);
        bytes = SparseRecord::bytes(count, shape_.element_bytes());
        copy = builder_.append_sparse(view.id(i), count);
      }
      std::memcpy(copy, data, bytes);
      publish(slot, copy, builder_.current(), slot.clock.load(std::memory_order_relaxed), false);
    }
  }
  thinned_.clear();
  builder_.take();  // seals; the cache's own references keep the blocks
}

void RowCache::invalidate_all() {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    slots_[i].state.fetch_and(static_cast<std::uint8_t>(~RowSlot::kSubscribed), std::memory_order_release);
    slots_[i].clock.store(kNoClock, std::memory_order_release);
  }
}

std::vector<RowId> RowCache::evict(std::size_t rows_max) {
  std::vector<RowId> dropped;
  evict_candidates(rows_max, dropped);
  if (index_.size() <= rows_max) return dropped;
  find_candidates(std::max(index_.size() - rows_max, rows_max / kRowsPerCandidate));
  evict_candidates(rows_max, dropped);
  return dropped;
}

// The `count` least recently used of the rows that are not pinned. Whatever is used later is used more recently than
// they were: they stay the least recently used ones but for those of them that are used again.
void RowCache::find_candidates(std::size_t count) {
  std::vector<Candidate> all;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const RowSlot& slot = slots_[i];
    if ((slot.state.load(std::memory_order_relaxed) & RowSlot::kEvicted) != 0 || slot.pins.load() > 0) continue;
    all.push_back({slot.last_used.load(std::memory_order_relaxed), i});
  }
  slots_searched_ += slots_.size();
  count = std::min(count, all.size());
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(all.begin(), end, all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.last_used < b.last_used; });
  candidates_.assign(all.begin(), end);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.last_used > b.last_used; });
}

void RowCache::evict_candidates(std::size_t rows_max, std::vector<RowId>& dropped) {
  while (index_.size() > rows_max && !candidates_.empty()) {
    const Candidate candidate = candidates_.back();
    candidates_.pop_back();
    const RowSlot& slot = slots_[candidate.slot];
    if (slot.last_used.load(std::memory_order_relaxed) != candidate.last_used) continue;
    if (slot.pins.load() == 0) evict_slot(candidate.slot, dropped);
  }
}

void RowCache::evict_slot(std::uint32_t number, std::vector<RowId>& dropped) {
  RowSlot& slot = slots_[number];
  // A worker pins first and looks at the state then; whoever comes second sees the other (sequentially consistent).
  slot.state.fetch_or(RowSlot::kEvicted, std::memory_order_seq_cst);
  if (slot.pins.load(std::memory_order_seq_cst) > 0) {
    slot.state.fetch_and(static_cast<std::uint8_t>(~RowSlot::kEvicted), std::memory_order_seq_cst);
    return;
  }
  const RowId row = slot.id.load(std::memory_order_relaxed);
  index_.remove(row, [this](std::uint32_t at) { return slots_[at].id.load(std::memory_order_relaxed); });
  if (slot.block != nullptr) {
    dropped.push_back(row);
    release(std::exchange(slot.block, nullptr));
  }
  recycled_.push_back({reclaimer_.now(), number});
}

std::size_t RowCache::overhead_bytes() const {
  return slots_.size() * sizeof(RowSlot) + index_.bytes() + candidates_.capacity() * sizeof(Candidate);
}

}  // namespace bosen::core
