#pragma once

// A process's copies of the rows of one table, shared by all its workers. Reading takes no lock and no reference: a
// slot names the newest version, and the Reclaimer keeps replaced versions until no worker can look at them.
//
// Invariants: what `data` names is immutable; it shows all updates with timestamps below `clock`; for rows of non-exact
// tables it shows all updates of this process's workers that were advanced. A slot's clock never goes back, but by
// invalidate_all(). A worker may use a slot that it found until its next quiesce().
//
// Thread safety: find, slot and the slots' atomics by any worker; everything else under the client's lock.

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/core/reclaimer.h"
#include "bosen/core/row_index.h"
#include "bosen/core/stable_array.h"
#include "bosen/wire/row_block.h"

namespace bosen::core {

struct RowSlot {
  std::atomic<const std::byte*> data{nullptr};
  std::atomic<Clock> clock{kNoClock};
  std::atomic<RowId> id{0};
  Buffer* block = nullptr;                  ///< holds `data`
  std::atomic<std::uint32_t> last_used{0};  ///< clock of the latest use (low bits); bounded caches only
  std::uint16_t shard = 0;
  /// Workers that keep the row (PinnedSlots), and one more while an answer is under way; bounded caches only.
  std::atomic<std::uint8_t> pins{0};
  std::atomic<std::uint8_t> state{0};  ///< bits: kSubscribed, kEvicted

  static constexpr std::uint8_t kSubscribed = 1;  ///< the shard pushes changes of this row
  static constexpr std::uint8_t kEvicted = 2;
};
/// How new the row's copy is, where its shard's pushes show everything up to `pushed`: a row that the shard pushes is
/// as new as the last push, even where the push did not bring it, as it had not changed then. A slot that was evicted
/// meanwhile gets nothing of pushes any more, though its row may still be subscribed: it is as old as it was. Whoever
/// passes `pushed` has loaded it before (acquire), so that an eviction that came before that push shows here.
inline Clock visible_clock(const RowSlot& slot, Clock pushed) {
  const std::uint8_t state = slot.state.load(std::memory_order_acquire);
  const Clock clock = slot.clock.load(std::memory_order_acquire);
  const bool follows_pushes = (state & RowSlot::kSubscribed) != 0 && (state & RowSlot::kEvicted) == 0;
  return follows_pushes && pushed > clock ? pushed : clock;
}
static_assert(sizeof(RowSlot) == 40, "with 8 bytes of index and 8 of id in the block a cached row costs 56 bytes");

class RowCache {
 public:
  RowCache(BufferPool& pool, const wire::RowShape& shape, Reclaimer& reclaimer);
  ~RowCache();
  RowCache(const RowCache&) = delete;
  RowCache& operator=(const RowCache&) = delete;

  /// Number of the row's slot, or RowIndex::kNone.
  [[nodiscard]] std::uint32_t find(RowId row) const {
    return index_.find(row, [this](std::uint32_t slot) { return slots_[slot].id.load(std::memory_order_relaxed); });
  }
  [[nodiscard]] RowSlot& slot(std::uint32_t number) const { return slots_[number]; }

  /// Calls visit(i) for each i below `count`, with the rows that `id_at` tells on their way into the processor's cache.
  template <class IdAt, class Visit>
  void each_ahead(std::size_t count, const IdAt& id_at, const Visit& visit) const {
    index_.each_ahead(
        count, id_at, [this](std::uint32_t slot) { slots_.prefetch(slot); }, visit);
  }

  std::uint32_t find_or_add(RowId row, ShardId shard);

  /// Makes `data`, a piece of `block`, the row's version. Takes a reference to the block where it had none.
  void publish(RowSlot& slot, const std::byte* data, Buffer* block, Clock clock, bool subscribed);
  /// Makes every row a miss; versions stay for those who look at them.
  void invalidate_all();

  /// Replaces copies that keep large blocks alive for few rows. To be called after a batch of publications.
  void compact();

  /// Drops the least recently used rows until `rows_max` are left, but none that is pinned; returns those of them that
  /// there was a copy of. A search finds candidates for several calls: until they are used up, rows that were pinned
  /// during the search are safe.
  std::vector<RowId> evict(std::size_t rows_max);

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  /// Number of slots ever used at once.
  [[nodiscard]] std::uint32_t slots() const { return slots_.size(); }
  /// Memory for bookkeeping, without rows' data.
  [[nodiscard]] std::size_t overhead_bytes() const;
  /// Slots that evict() has looked at to find what to drop.
  [[nodiscard]] std::uint64_t slots_searched() const { return slots_searched_; }

 private:
  struct Recycled {
    std::uint64_t epoch;
    std::uint32_t slot;
  };

  /// A row that may be dropped unless it was used since it was found.
  struct Candidate {
    std::uint32_t last_used;  // as it was then
    std::uint32_t slot;
  };

  void release(Buffer* block);
  void find_candidates(std::size_t count);
  void evict_candidates(std::size_t rows_max, std::vector<RowId>& dropped);
  void evict_slot(std::uint32_t number, std::vector<RowId>& dropped);

  const wire::RowShape shape_;
  Reclaimer& reclaimer_;
  RowIndex index_;
  StableArray<RowSlot> slots_;
  wire::BlockBuilder builder_;         // copies made by compact()
  std::vector<BufferRef> thinned_;     // blocks of which few rows are current
  std::deque<Recycled> recycled_;      // evicted slots, until every worker has quiesced
  std::vector<Candidate> candidates_;  // the least recently used rows, these last
  std::uint64_t slots_searched_ = 0;
};

}  // namespace bosen::core
