#include "bosen/core/client_table.h"

#include "bosen/base/assert.h"
#include "bosen/base/limits.h"

namespace bosen::core {

using wire::RowBlockView;

ClientTable::ClientTable(TableId id, const wire::TableSpec& spec, std::int64_t cache_rows, Clock first,
                         const Membership& members, BufferPool& pool, Reclaimer& reclaimer)
    : id_(id),
      spec_(spec),
      model_(consistency_model(spec.consistency, spec.staleness)),
      staleness_(model_.staleness),
      cache_rows_(cache_rows),
      members_(members),
      ops_(element_ops(spec.shape.element)),
      adds_(spec.updater.name == "add"),
      folds_(!model_.exact && adds_),
      cache_(pool, spec.shape, reclaimer),
      shards_(static_cast<std::size_t>(members.shards())),
      unconfirmed_(spec.shape, members.shards()),
      builder_(pool, spec.shape, limits::kBlockBytes) {
  const int workers = members.workers[static_cast<std::size_t>(members.rank)];
  for (int worker = 0; worker < workers; ++worker) {
    parts_.push_back(std::make_unique<WorkerPart>(pool, spec.shape, members.shards()));
    parts_.back()->clock = first;
    parts_.back()->needed = model_.needed(first);
  }
}

Clock ClientTable::clock_of(const RowSlot& slot) const {
  const Clock pushed = shards_[slot.shard].pushed_clock.load(std::memory_order_acquire);
  return visible_clock(slot, pushed);
}

bool ClientTable::is_fresh(const RowSlot& slot, Clock needed) const { return clock_of(slot) >= needed; }

const std::byte* ClientTable::read(WorkerPart& part, RowId row) {
  const std::uint32_t number = cache_.find(row);
  if (number == RowIndex::kNone) return nullptr;
  RowSlot& slot = cache_.slot(number);
  const Clock clock = clock_of(slot);
  if (clock < part.needed) return nullptr;
  part.staleness.add(clock - part.clock);
  if (cache_rows_ > 0) slot.last_used.store(static_cast<std::uint32_t>(part.clock), std::memory_order_relaxed);
  // Loaded after the clock: at least as new as it says.
  const std::byte* data = slot.data.load(std::memory_order_acquire);
  if (adds_ && part.delta.has(number)) return part.delta.folded(number, data);
  return data;
}

std::uint32_t ClientTable::slot_to_inc(WorkerPart& part, RowId row) {
  const std::uint32_t number = cache_.find(row);
  if (number == RowIndex::kNone || cache_rows_ == 0) return number;
  return pin(part, number) ? number : RowIndex::kNone;
}

// Keeps the row in the cache; false where it is being evicted.
bool ClientTable::pin(WorkerPart& part, std::uint32_t number) {
  if (part.pinned.contains(number)) return true;
  RowSlot& slot = cache_.slot(number);
  slot.pins.fetch_add(1, std::memory_order_seq_cst);
  if ((slot.state.load(std::memory_order_seq_cst) & RowSlot::kEvicted) == 0) {
    part.pinned.add(number);
    return true;
  }
  slot.pins.fetch_sub(1, std::memory_order_seq_cst);
  return false;
}

void ClientTable::request(WorkerPart& part, std::span<const RowId> rows, Outbox& outbox) {
  std::vector<std::vector<RowId>> wanted(shards_.size());
  const auto flush = [&](std::size_t shard) {
    outbox.send(NodeId::shard(static_cast<ShardId>(shard)),
                wire::ReadRequest{id_, part.needed, std::exchange(wanted[shard], {})}, spec_.priority);
  };
  for (const RowId row : rows) {
    const std::uint32_t number = cache_.find_or_add(row, shard_of(row, members_.shards()));
    RowSlot& slot = cache_.slot(number);
    if (cache_rows_ > 0) pin(part, number);
    const bool subscribed = (slot.state.load(std::memory_order_relaxed) & RowSlot::kSubscribed) != 0;
    if (is_fresh(slot, part.needed)) continue;
    if (subscribed && model_.push == PushRule::kAfterMinimumClock) continue;  // the push that makes it fresh will come
    Requested& requested = requested_[number];
    // A request that needs a later clock doesn't do: its answer may have to wait for this very worker.
    if (requested.answers_due > 0 && requested.needed == part.needed) continue;
    if (requested.answers_due++ == 0) slot.pins.fetch_add(1, std::memory_order_seq_cst);
    requested.needed = part.needed;
    wanted[slot.shard].push_back(row);
    if (wanted[slot.shard].size() == limits::kRowsPerRequestMax) flush(slot.shard);
  }
  for (std::size_t shard = 0; shard < wanted.size(); ++shard) {
    if (!wanted[shard].empty()) flush(shard);
  }
}

void ClientTable::advance(int local_worker, bool finishes, Outbox& outbox) {
  WorkerPart& own = part(local_worker);
  wire::Update update;
  update.table = id_;
  update.worker = members_.first_worker(members_.rank) + local_worker;
  update.clock = own.clock;
  for (ShardId shard = 0; shard < members_.shards(); ++shard) {
    send_updates(shard, own.delta.seal(shard), update, finishes, outbox);
  }
  own.pinned.take_all([this](std::uint32_t slot) { cache_.slot(slot).pins.fetch_sub(1, std::memory_order_seq_cst); });
  own.delta.clear();
  own.clock = finishes ? wire::kFinishedClock : own.clock + 1;
  own.needed = std::max(own.needed, model_.needed(own.clock, staleness_));
  builder_.take();
  cache_.compact();
  if (cache_rows_ > 0) evict(outbox);
}

void ClientTable::set_staleness(Clock staleness) {
  BOSEN_ASSERT(model_.has_staleness() && staleness >= 0);
  staleness_ = staleness;
}

// A message for every block; the last one closes the clock (all clocks where the worker finishes), and comes without a
// block where there was no update.
void ClientTable::send_updates(ShardId shard, std::vector<BufferRef> blocks, const wire::Update& update, bool finishes,
                               Outbox& outbox) {
  ShardPart& to = shards_[static_cast<std::size_t>(shard)];
  const bool folds = folds_ && !members_.is_local(shard);
  if (blocks.empty()) blocks.emplace_back();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    ++to.batches_sent;
    if (folds && blocks[i]) {
      unconfirmed_.add_batch(shard, to.batches_sent, blocks[i]);
      fold_into_cache(shard, *blocks[i]);
    }
    wire::Update part = update;
    part.closes = i + 1 == blocks.size();
    if (part.closes && finishes) part.clock = wire::kFinishedClock;
    part.block = std::move(blocks[i]);
    outbox.send(NodeId::shard(shard), std::move(part), spec_.priority);
  }
}

std::byte* ClientTable::sum(RowId row, const std::byte* base, const std::byte* update) {
  if (spec_.shape.kind == RowKind::kSparse) {
    return wire::merge_records(builder_, row, base, update, ops_.bytes, ops_.add);
  }
  std::byte* total = builder_.append_dense(row);
  ops_.sum(total, base, update, static_cast<std::size_t>(spec_.shape.width));
  return total;
}

// Own updates show in copies of remote rows at once, though the shard's confirmation takes a round trip.
void ClientTable::fold_into_cache(ShardId shard, const Buffer& block) {
  const RowBlockView view(spec_.shape, block);
  const auto id_at = [&](std::size_t i) { return view.id(i); };
  cache_.each_ahead(view.size(), id_at, [&](std::size_t i) {
    const std::uint32_t number = cache_.find(view.id(i));
    if (number == RowIndex::kNone) return;
    unconfirmed_.add_row(shard, static_cast<std::uint32_t>(i), number, cache_.slots());
    RowSlot& slot = cache_.slot(number);
    if (slot.block == nullptr) return;
    const std::byte* total = sum(view.id(i), slot.data.load(std::memory_order_relaxed), block.data + view.offset(i));
    cache_.publish(slot, total, builder_.current(), slot.clock.load(std::memory_order_relaxed), false);
  });
}

void ClientTable::on_rows(ShardId shard_id, wire::Rows& rows) {
  ShardPart& shard = shards_[static_cast<std::size_t>(shard_id)];
  unconfirmed_.confirm(shard_id, rows.batches_applied);
  if (!rows.shared.empty()) publish_shared(rows);
  if (rows.block) publish_packed(shard_id, rows);
  if (rows.completes_push && rows.clock > shard.pushed_clock.load(std::memory_order_relaxed)) {
    shard.pushed_clock.store(rows.clock, std::memory_order_release);  // after the rows that it speaks of
  }
  cache_.compact();
}

// A row that was evicted while a push of it was under way may have a slot again: this push is not for that slot, as the
// shard will not push what changes next. The answer to a request will be.
bool ClientTable::takes(std::uint32_t slot, const wire::Rows& rows) const {
  return !rows.is_push || (cache_.slot(slot).state.load(std::memory_order_relaxed) & RowSlot::kSubscribed) != 0;
}

void ClientTable::publish_shared(wire::Rows& rows) {
  const bool subscribes = !rows.is_push;
  const auto id_at = [&](std::size_t i) { return rows.shared[i].id; };
  cache_.each_ahead(rows.shared.size(), id_at, [&](std::size_t i) {
    const wire::RowReference& row = rows.shared[i];
    const std::uint32_t number = cache_.find(row.id);
    if (number == RowIndex::kNone || !takes(number, rows)) return;
    cache_.publish(cache_.slot(number), row.data, row.block, rows.clock, subscribes);
    if (!rows.is_push) note_answer(number);
  });
}

void ClientTable::publish_packed(ShardId shard, wire::Rows& rows) {
  const RowBlockView view(spec_.shape, *rows.block);
  const bool subscribes = !rows.is_push && model_.push != PushRule::kNever;
  // Nobody reads these versions yet: the frame's own memory may be changed unless somebody else holds the frame too.
  const bool writable = rows.block->unique();
  const bool complete = unconfirmed_.empty(shard);
  const auto id_at = [&](std::size_t i) { return view.id(i); };
  cache_.each_ahead(view.size(), id_at, [&](std::size_t i) {
    const RowId row = view.id(i);
    const std::uint32_t number = cache_.find(row);
    if (number == RowIndex::kNone || !takes(number, rows)) return;
    std::byte* data = rows.block->data + view.offset(i);
    Version version{data, rows.block.get()};
    if (!complete) version = add_unconfirmed(shard, number, row, data, *rows.block, writable);
    cache_.publish(cache_.slot(number), version.data, version.block, rows.clock, subscribes);
    if (!rows.is_push) note_answer(number);
  });
  builder_.take();
}

// The shard had not seen these updates when it sent the row; readers of this process have, so they are added again.
ClientTable::Version ClientTable::add_unconfirmed(ShardId shard, std::uint32_t slot, RowId row, std::byte* data,
                                                  Buffer& block, bool writable) {
  Buffer* holder = &block;
  for (const std::byte* update : unconfirmed_.updates(shard, slot, row)) {
    if (spec_.shape.kind == RowKind::kDense && writable) {
      ops_.add(data, update, static_cast<std::size_t>(spec_.shape.width));
      continue;
    }
    data = sum(row, data, update);
    holder = builder_.current();
    writable = true;  // the sum is nobody else's
  }
  return {data, holder};
}

void ClientTable::note_answer(std::uint32_t slot) {
  const auto found = requested_.find(slot);
  if (found == requested_.end() || --found->second.answers_due > 0) return;
  requested_.erase(found);
  cache_.slot(slot).pins.fetch_sub(1, std::memory_order_seq_cst);
}

void ClientTable::on_barrier() {
  if (model_.exact) return;
  cache_.invalidate_all();
  // An answer that is under way may be to another request than the latest, and late.
  for (auto& [slot, requested] : requested_) requested.needed = kNoClock;
}

void ClientTable::evict(Outbox& outbox) {
  std::vector<std::vector<RowId>> dropped(shards_.size());
  for (const RowId row : cache_.evict(static_cast<std::size_t>(cache_rows_))) {
    dropped[static_cast<std::size_t>(shard_of(row, members_.shards()))].push_back(row);
  }
  for (std::size_t shard = 0; shard < dropped.size(); ++shard) {
    const std::vector<RowId>& rows = dropped[shard];
    for (std::size_t first = 0; first < rows.size(); first += limits::kRowsPerRequestMax) {
      const std::size_t end = std::min(rows.size(), first + limits::kRowsPerRequestMax);
      outbox.send(NodeId::shard(static_cast<ShardId>(shard)),
                  wire::Unsubscribe{id_, {rows.data() + first, rows.data() + end}}, spec_.priority);
    }
  }
}

}  // namespace bosen::core
