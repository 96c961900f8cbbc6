#pragma once

// One table as one process sees it: the shared cache, each local worker's clock and delta, and the process's own
// updates that shards have not confirmed yet. docs/design/consistency.md argues why what `read` returns keeps the
// guarantee.
//
// Thread safety: `read`, `inc_*` and `folded` by the worker that owns the WorkerPart, without a lock; everything else
// under the client's lock.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <unordered_map>
#include <vector>

#include "bosen/core/consistency_model.h"
#include "bosen/core/membership.h"
#include "bosen/core/outbox.h"
#include "bosen/core/partition.h"
#include "bosen/core/row_cache.h"
#include "bosen/core/unconfirmed_updates.h"
#include "bosen/core/worker_delta.h"

namespace bosen::core {

/// How many reads saw rows of which age: entry i counts clock differentials (the row's clock minus the reader's) of
/// i - kOldest, the first and last entries also all beyond.
struct StalenessHistogram {
  static constexpr Clock kOldest = 32;
  static constexpr Clock kNewest = 32;
  std::array<std::int64_t, kOldest + kNewest + 1> counts{};

  void add(Clock differential) {
    ++counts[static_cast<std::size_t>(std::clamp(differential, -kOldest, kNewest) + kOldest)];
  }
  [[nodiscard]] std::int64_t total() const { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }
};

/// Slots that a bounded cache keeps for one worker until its next advance: rows that it incremented or asked for.
class PinnedSlots {
 public:
  [[nodiscard]] bool contains(std::uint32_t slot) const { return slot < is_pinned_.size() && is_pinned_[slot]; }
  void add(std::uint32_t slot) {
    if (slot >= is_pinned_.size()) is_pinned_.resize(std::max<std::size_t>(slot + 1, 2 * is_pinned_.size()));
    is_pinned_[slot] = true;
    slots_.push_back(slot);
  }
  /// Calls visit(slot) for each and forgets it.
  template <class Visit>
  void take_all(const Visit& visit) {
    for (const std::uint32_t slot : slots_) {
      is_pinned_[slot] = false;
      visit(slot);
    }
    slots_.clear();
  }

 private:
  std::vector<std::uint32_t> slots_;
  std::vector<bool> is_pinned_;
};

class ClientTable {
 public:
  /// What belongs to one worker alone.
  struct alignas(64) WorkerPart {
    WorkerPart(BufferPool& pool, const wire::RowShape& shape, int shards) : delta(pool, shape, shards) {}

    Clock clock = 0;
    Clock needed = 0;  ///< timestamps below it must show in reads
    WorkerDelta delta;
    PinnedSlots pinned;  ///< bounded caches only
    StalenessHistogram staleness;
    std::int64_t misses = 0;
  };

  /// Workers begin with clock `first`.
  ClientTable(TableId id, const wire::TableSpec& spec, std::int64_t cache_rows, Clock first, const Membership& members,
              BufferPool& pool, Reclaimer& reclaimer);

  [[nodiscard]] TableId id() const { return id_; }
  [[nodiscard]] const wire::TableSpec& spec() const { return spec_; }
  [[nodiscard]] const ConsistencyModel& model() const { return model_; }
  [[nodiscard]] WorkerPart& part(int local_worker) { return *parts_[static_cast<std::size_t>(local_worker)]; }

  /// The row as the worker may see it now, or null where no copy is fresh enough. Valid until the worker's next
  /// quiesce.
  const std::byte* read(WorkerPart& part, RowId row);
  /// Calls visit(i) for each of the rows, with what reading them takes on its way into the processor's cache.
  template <class Visit>
  void each_ahead(std::span<const RowId> rows, const Visit& visit) const {
    cache_.each_ahead(
        rows.size(), [&](std::size_t i) { return rows[i]; }, visit);
  }
  /// The slot to increment the row in, pinned; RowIndex::kNone where the row has none yet: then `add_slot` under the
  /// lock.
  std::uint32_t slot_to_inc(WorkerPart& part, RowId row);
  void add_slot(RowId row) { cache_.find_or_add(row, shard_of(row, members_.shards())); }
  [[nodiscard]] ShardId shard(std::uint32_t slot) const { return cache_.slot(slot).shard; }

  /// Asks for those rows that no copy, push or earlier request covers. All of them stay in the cache, once they are
  /// there, until the worker's next advance: it may wait for them without asking again.
  void request(WorkerPart& part, std::span<const RowId> rows, Outbox& outbox);

  /// Ends the worker's iteration: its updates leave, its clock grows (to the end of all clocks where it `finishes`).
  void advance(int local_worker, bool finishes, Outbox& outbox);

  /// By how many clocks reads may lag, for each worker from its next advance on. What a worker's reads had to show
  /// until then they go on to show. For models that have a staleness.
  void set_staleness(Clock staleness);
  [[nodiscard]] Clock staleness() const { return staleness_; }

  void on_rows(ShardId shard, wire::Rows& rows);
  /// After a barrier nothing read before is fresh enough.
  void on_barrier();

  /// Rows in the cache, and memory for bookkeeping beyond their data.
  [[nodiscard]] std::size_t cached_rows() const { return cache_.size(); }
  [[nodiscard]] std::size_t overhead_bytes() const { return cache_.overhead_bytes() + unconfirmed_.overhead_bytes(); }
  /// Messages with updates that remote shards have not confirmed yet.
  [[nodiscard]] std::size_t unconfirmed() const { return unconfirmed_.batches(); }

 private:
  struct ShardPart {
    std::atomic<Clock> pushed_clock{kNoClock};  ///< every subscribed row is at least as new
    std::uint64_t batches_sent = 0;
  };
  struct Requested {
    Clock needed = kNoClock;  // of the latest request; kNoClock: none that counts
    int answers_due = 0;
  };
  /// A version of a row, and the block that it is in.
  struct Version {
    const std::byte* data;
    Buffer* block;
  };

  [[nodiscard]] bool is_fresh(const RowSlot& slot, Clock needed) const;
  bool pin(WorkerPart& part, std::uint32_t number);
  [[nodiscard]] Clock clock_of(const RowSlot& slot) const;
  void send_updates(ShardId shard, std::vector<BufferRef> blocks, const wire::Update& update, bool finishes,
                    Outbox& outbox);
  void fold_into_cache(ShardId shard, const Buffer& block);
  std::byte* sum(RowId row, const std::byte* base, const std::byte* update);
  [[nodiscard]] bool takes(std::uint32_t slot, const wire::Rows& rows) const;
  void publish_shared(wire::Rows& rows);
  void publish_packed(ShardId shard, wire::Rows& rows);
  Version add_unconfirmed(ShardId shard, std::uint32_t slot, RowId row, std::byte* data, Buffer& block, bool writable);
  void note_answer(std::uint32_t slot);
  void evict(Outbox& outbox);

  const TableId id_;
  const wire::TableSpec spec_;
  const ConsistencyModel model_;
  Clock staleness_;
  const std::int64_t cache_rows_;
  const Membership& members_;
  const ElementOps& ops_;
  const bool adds_;   // the updater is "add": what a row will be is known before the shard says so
  const bool folds_;  // the process adds its own updates to copies of remote rows
  RowCache cache_;
  std::vector<std::unique_ptr<WorkerPart>> parts_;
  std::vector<ShardPart> shards_;
  UnconfirmedUpdates unconfirmed_;
  std::unordered_map<std::uint32_t, Requested> requested_;  // by slot
  wire::BlockBuilder builder_;                              // folded versions
};

}  // namespace bosen::core
