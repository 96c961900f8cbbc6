#include "bosen/core/server_shard.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "bosen/base/limits.h"
#include "bosen/core/table_difference.h"

namespace bosen::core {

using wire::kFinishedClock;
using wire::Rows;
using wire::Update;

namespace {

void append_row(wire::BlockBuilder& builder, const wire::RowShape& shape, const StoredRow& row, const BufferRef& zero) {
  const std::byte* data = row.data == nullptr ? zero->data : row.data;
  if (shape.kind == RowKind::kDense) {
    std::memcpy(builder.append_dense(row.id), data, shape.row_bytes());
    return;
  }
  const std::size_t count = wire::SparseRecord::count(data);
  std::memcpy(builder.append_sparse(row.id, count), data, wire::SparseRecord::bytes(count, shape.element_bytes()));
}

/// What to say where a process makes a table unlike the first that made one in its place.
std::string problem_of_other(Rank client, const wire::TableSpec& made, const wire::TableSpec& first) {
  const std::string start = "rank " + std::to_string(client) + " makes table '" + made.name + "'";
  if (made.name != first.name) {
    return start + " where another rank made '" + first.name +
           "': every process must make the same tables in the same order";
  }
  const TableDifference option = difference(made, first);
  return start + " with " + option.ours + ", another rank with " + option.theirs +
         ": every process must make it with the same options";
}

}  // namespace

ServerShard::Table::Table(const wire::TableSpec& table_spec, const Membership& members, BufferPool& pool,
                          std::unique_ptr<RowUpdater> updater, Clock first)
    : spec(table_spec),
      model(consistency_model(table_spec.consistency, table_spec.staleness)),
      clocks(static_cast<std::size_t>(members.worker_count()), first),
      store(pool, table_spec.shape, std::move(updater)),
      readers(static_cast<std::size_t>(members.clients())),
      held(model.exact ? clocks.size() : 0) {
  for (std::size_t client = 0; client < readers.size(); ++client) readers[client].working = members.workers[client];
  const bool local_client = members.rank < members.clients();
  store.keep_log(model.push != PushRule::kNever || local_client);
}

ServerShard::ServerShard(const Membership& members, const UpdaterCatalog& updaters, BufferPool& pool,
                         wire::ShardSnapshot start)
    : members_(members),
      updaters_(updaters),
      pool_(pool),
      clients_(static_cast<std::size_t>(members.clients())),
      making_(static_cast<std::size_t>(members.clients())),
      start_(std::move(start)) {}

void ServerShard::step(Envelope envelope, Outbox& outbox) {
  if (envelope.from.is_shard() || envelope.from.rank() >= members_.clients()) {
    ++rejected_;
    return;
  }
  const Rank client = envelope.from.rank();
  struct Visitor {
    ServerShard& shard;
    Rank client;
    Outbox& outbox;
    void operator()(wire::CreateTable& message) { shard.on_create(client, message, outbox); }
    void operator()(wire::CreateChannel& message) { shard.on_create(client, message, outbox); }
    void operator()(Update& message) { shard.on_update(client, message, outbox); }
    void operator()(wire::ReadRequest& message) { shard.on_read(client, message, outbox); }
    void operator()(wire::Unsubscribe& message) { shard.on_unsubscribe(client, message); }
    void operator()(wire::BarrierArrive& message) { shard.on_barrier(client, message, outbox); }
    void operator()(wire::TableCreated&) { ++shard.rejected_; }
    void operator()(Rows&) { ++shard.rejected_; }
    void operator()(wire::BarrierRelease&) { ++shard.rejected_; }
    void operator()(wire::ChannelData&) { ++shard.rejected_; }
    void operator()(wire::ChannelCredit&) { ++shard.rejected_; }
    void operator()(wire::ChannelCreated&) { ++shard.rejected_; }
  };
  std::visit(Visitor{*this, client, outbox}, envelope.message);
}

ServerShard::Table* ServerShard::find_table(TableId id) {
  if (id < tables_.size() && tables_[id]) return tables_[id].get();
  ++rejected_;
  return nullptr;
}

void ServerShard::on_create(Rank client, const wire::CreateTable& create, Outbox& outbox) {
  if (create.table > table_creations_.size() || create.table >= limits::kTablesMax) {
    ++rejected_;
    return;
  }
  if (create.table == table_creations_.size()) {
    table_creations_.emplace_back();
    tables_.emplace_back();
  }
  Creation& creation = table_creations_[create.table];
  if (!tables_[create.table] && creation.problem.empty()) {
    creation.problem = make_table(create);
  } else if (tables_[create.table] && !(tables_[create.table]->spec == create.spec) && creation.problem.empty()) {
    creation.problem = problem_of_other(client, create.spec, tables_[create.table]->spec);
  }
  ++creation.made_by;
  begin_making(client, {true, create.table, "table '" + create.spec.name + "'"}, outbox);
  if (creation.made_by < static_cast<std::size_t>(members_.clients())) return;
  end_making(true, create.table, creation.problem, outbox);
}

std::string ServerShard::make_table(const wire::CreateTable& create) {
  const wire::TableSpec& spec = create.spec;
  std::string problem = updaters_.problem(spec.updater, spec.shape.element, spec.shape.kind, spec.consistency);
  if (problem.empty()) problem = problem_of_restored(spec);
  if (!problem.empty()) return problem;
  try {
    tables_[create.table] = std::make_unique<Table>(
        spec, members_, pool_, updaters_.make(spec.updater, spec.shape.element, members_.worker_count()), start_.clock);
  } catch (const std::exception& error) {  // of the app's factory
    return "updater '" + spec.updater.name + "' can't be made: " + error.what();
  }
  return restore(*tables_[create.table]);
}

void ServerShard::on_create(Rank client, const wire::CreateChannel& create, Outbox& outbox) {
  if (create.channel > channel_creations_.size() || create.channel >= limits::kChannelsMax) {
    ++rejected_;
    return;
  }
  if (create.channel == channel_creations_.size()) channel_creations_.emplace_back();
  Creation& creation = channel_creations_[create.channel];
  const std::string description = "'" + create.name + "' with capacity " + std::to_string(create.capacity);
  if (creation.made_by == 0) creation.description = description;
  if (creation.description != description && creation.problem.empty()) {
    creation.problem = "rank " + std::to_string(client) + " makes channel " + description +
                       " where another rank made " + creation.description +
                       ": every process must make the same channels in the same order";
  }
  ++creation.made_by;
  begin_making(client, {false, create.channel, "channel '" + create.name + "'"}, outbox);
  if (creation.made_by < static_cast<std::size_t>(members_.clients())) return;
  end_making(false, create.channel, creation.problem, outbox);
}

// A process waits for the oldest of what it makes. Where all wait and not for the same, none of them would ever go on.
void ServerShard::begin_making(Rank client, Making making, Outbox& outbox) {
  making_[static_cast<std::size_t>(client)].push_back(std::move(making));
  if (std::any_of(making_.begin(), making_.end(), [](const auto& made) { return made.empty(); })) return;
  const Making& first = making_[0].front();
  const auto differs = std::find_if(making_.begin(), making_.end(), [&](const auto& made) {
    return made.front().is_table != first.is_table || made.front().id != first.id;
  });
  if (differs == making_.end()) return;
  const std::string problem = "rank 0 makes " + first.description + " while rank " +
                              std::to_string(differs - making_.begin()) + " makes " + differs->front().description +
                              ": every process must make the same tables and channels in the same order";
  for (Rank rank = 0; rank < members_.clients(); ++rank) {
    const Making& made = making_[static_cast<std::size_t>(rank)].front();
    tell(rank, made.is_table, made.id, problem, outbox);
  }
}

void ServerShard::end_making(bool is_table, std::uint32_t id, const std::string& problem, Outbox& outbox) {
  for (Rank rank = 0; rank < members_.clients(); ++rank) tell(rank, is_table, id, problem, outbox);
  for (std::deque<Making>& made : making_) {
    std::erase_if(made, [&](const Making& each) { return each.is_table == is_table && each.id == id; });
  }
}

void ServerShard::tell(Rank client, bool is_table, std::uint32_t id, const std::string& problem, Outbox& outbox) const {
  if (is_table) {
    outbox.send(NodeId::client(client), wire::TableCreated{id, problem});
  } else {
    outbox.send(NodeId::client(client), wire::ChannelCreated{id, problem});
  }
}

bool ServerShard::subscribes(const Table& table, Rank client) const {
  return table.model.push != PushRule::kNever || client == members_.rank;
}

void ServerShard::on_update(Rank client, Update& update, Outbox& outbox) {
  ++updates_handled_;
  Table* table = find_table(update.table);
  if (table == nullptr) return;
  const auto worker = static_cast<std::size_t>(update.worker);
  const Clock current = table->clocks.of(worker);
  if (current == kFinishedClock || (update.clock != current && update.clock != kFinishedClock)) {
    ++rejected_;  // updates of a clock that this worker has closed, or has not begun
    return;
  }
  ++table->readers[static_cast<std::size_t>(client)].batches_applied;
  const TableId id = update.table;
  const bool closes = update.closes;
  const Clock closed = update.clock == kFinishedClock ? kFinishedClock : update.clock + 1;
  update.clock = current;  // the last updates of a worker that ends belong to the clock in which it ended
  if (table->model.exact) {
    if (update.block) table->held[worker].push_back(std::move(update));
  } else if (update.block) {
    table->store.apply(update.block, update.clock);
    update.block = {};
  }
  if (closes) close_clock(id, *table, client, worker, closed, outbox);
  confirm(id, *table, client, outbox);
}

void ServerShard::close_clock(TableId id, Table& table, Rank client, std::size_t worker, Clock clock, Outbox& outbox) {
  if (clock == kFinishedClock && --table.readers[static_cast<std::size_t>(client)].working == 0) trim_log(table);
  const bool minimum_grew = table.clocks.advance(worker, clock);
  if (minimum_grew) on_minimum(id, table, outbox);
  // A process must see its own updates at once. A remote one adds them to its copies by itself; the one that shares
  // this shard's memory is shown the new versions instead.
  const bool own_updates_show = client == members_.rank && !table.model.exact;
  const bool pushed = minimum_grew && table.model.push == PushRule::kAfterMinimumClock;
  if (!pushed && (own_updates_show || table.model.push == PushRule::kAfterOwnClock)) {
    push_where_room(id, table, client, outbox);
  }
}

// A remote client that adds its updates to its copies keeps them until it hears that they were applied. Rows say so;
// where none are due, a message without rows does.
void ServerShard::confirm(TableId id, Table& table, Rank client, Outbox& outbox) {
  if (client == members_.rank || table.model.exact || table.spec.updater.name != "add") return;
  Reader& reader = table.readers[static_cast<std::size_t>(client)];
  if (reader.batches_applied - reader.batches_confirmed < limits::kConfirmEveryBatches) return;
  reader.batches_confirmed = reader.batches_applied;
  Rows message;  // an empty push that promises nothing: all rows are as new as clock 0
  message.table = id;
  message.batches_applied = reader.batches_applied;
  message.is_push = message.completes_push = true;
  outbox.send(NodeId::client(client), std::move(message), table.spec.priority);
}

void ServerShard::on_minimum(TableId id, Table& table, Outbox& outbox) {
  if (table.model.exact) apply_held(table);
  const Clock minimum = table.clocks.minimum();
  if (table.model.push == PushRule::kAfterMinimumClock) {
    for (Rank client = 0; client < members_.clients(); ++client) push(id, table, client, outbox);
  }
  while (!table.parked.empty() && table.model.may_answer(minimum, table.parked.begin()->first)) {
    const ParkedRead read = std::move(table.parked.begin()->second);
    table.parked.erase(table.parked.begin());
    answer(id, table, read.client, read.rows, outbox);
  }
}

// Clock by clock, and within a clock in the order of the workers: sums come out the same in every run.
void ServerShard::apply_held(Table& table) {
  const Clock minimum = table.clocks.minimum();
  for (;;) {
    Clock oldest = minimum;
    for (const auto& updates : table.held) {
      if (!updates.empty()) oldest = std::min(oldest, updates.front().clock);
    }
    if (oldest >= minimum) return;
    for (auto& updates : table.held) {
      while (!updates.empty() && updates.front().clock == oldest) {
        table.store.apply(updates.front().block, updates.front().clock);
        updates.pop_front();
      }
    }
  }
}

void ServerShard::on_read(Rank client, wire::ReadRequest& request, Outbox& outbox) {
  ++reads_handled_;
  Table* table = find_table(request.table);
  if (table == nullptr) return;
  if (table->model.may_answer(table->clocks.minimum(), request.needed)) {
    answer(request.table, *table, client, request.rows, outbox);
  } else {
    table->parked.emplace(request.needed, ParkedRead{client, std::move(request.rows)});
  }
}

void ServerShard::answer(TableId id, Table& table, Rank client, const std::vector<RowId>& rows, Outbox& outbox) {
  std::vector<StoredRow*> wanted;
  wanted.reserve(rows.size());
  Reader& reader = table.readers[static_cast<std::size_t>(client)];
  for (const RowId row_id : rows) {
    StoredRow& row = table.store.row(row_id);
    if (row.is_wanted) continue;  // a request that names a row twice gets it once
    row.is_wanted = true;
    if (subscribes(table, client) && row.subscribers.insert(client)) {
      // What changed before is in this answer, unless its push is still to come.
      if (reader.subscriptions++ == 0) reader.log_position = table.store.log_end();
    }
    wanted.push_back(&row);
  }
  for (StoredRow* row : wanted) row->is_wanted = false;
  trim_log(table);
  send_rows(id, table, client, wanted, false, outbox);
}

void ServerShard::push(TableId id, Table& table, Rank client, Outbox& outbox) {
  Reader& reader = table.readers[static_cast<std::size_t>(client)];
  reader.push_waits = false;
  if (!reader.follows()) return;
  std::vector<StoredRow*> changed;
  table.store.changed_since(reader.log_position, [&](StoredRow& row) {
    if (row.subscribers.contains(client)) changed.push_back(&row);
  });
  reader.log_position = table.store.log_end();
  trim_log(table);
  send_rows(id, table, client, changed, true, outbox);
}

// Nothing bounds how many clocks a client is ahead of what is pushed to it: what is left in the log instead is merged
// there, and no longer than the table.
void ServerShard::push_where_room(TableId id, Table& table, Rank client, Outbox& outbox) {
  Client& to = clients_[static_cast<std::size_t>(client)];
  if (to.has_room) return push(id, table, client, outbox);
  table.readers[static_cast<std::size_t>(client)].push_waits = true;
  to.holds_back = true;
}

void ServerShard::set_room(Rank client, bool has_room, Outbox& outbox) {
  Client& to = clients_[static_cast<std::size_t>(client)];
  to.has_room = has_room;
  if (!has_room || !std::exchange(to.holds_back, false)) return;
  for (TableId id = 0; id < tables_.size(); ++id) {
    if (!tables_[id]) continue;
    Reader& reader = tables_[id]->readers[static_cast<std::size_t>(client)];
    if (reader.push_waits) push(id, *tables_[id], client, outbox);
  }
}

void ServerShard::trim_log(Table& table) {
  std::uint64_t nearest = table.store.log_end();
  std::uint64_t furthest = 0;
  for (const Reader& reader : table.readers) {
    if (!reader.follows()) continue;
    nearest = std::min(nearest, reader.log_position);
    furthest = std::max(furthest, reader.log_position);
  }
  table.store.trim_log(nearest, furthest == 0 ? nearest : furthest);
  if (!table.store.log_is_void()) return;
  std::vector<std::uint64_t*> positions;
  for (Reader& reader : table.readers) {
    if (reader.follows()) positions.push_back(&reader.log_position);
  }
  table.store.compact_log(std::move(positions));
}

void ServerShard::send_rows(TableId id, Table& table, Rank client, std::vector<StoredRow*>& rows, bool completes_push,
                            Outbox& outbox) {
  Rows message;
  message.is_push = completes_push;
  message.table = id;
  message.clock = table.clocks.minimum();
  message.batches_applied = table.readers[static_cast<std::size_t>(client)].batches_applied;
  if (client == members_.rank) {
    share_rows(table, rows, message);
    message.completes_push = completes_push;
    outbox.send(NodeId::client(client), std::move(message), table.spec.priority);
    return;
  }
  std::vector<BufferRef> blocks = pack_rows(table, rows);
  if (blocks.empty() && completes_push) blocks.emplace_back();
  if (!blocks.empty()) table.readers[static_cast<std::size_t>(client)].batches_confirmed = message.batches_applied;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    Rows part = message;
    part.block = std::move(blocks[i]);
    part.completes_push = completes_push && i + 1 == blocks.size();
    outbox.send(NodeId::client(client), std::move(part), table.spec.priority);
  }
}

void ServerShard::share_rows(Table& table, const std::vector<StoredRow*>& rows, Rows& message) {
  message.shared.reserve(rows.size());
  const BufferRef& zero = table.store.zero_block();
  for (const StoredRow* row : rows) {
    Buffer* block = row->data == nullptr ? zero.get() : row->block;
    if (block->mark == 0) {
      block->mark = 1;
      message.blocks.push_back(BufferRef::share(block));
    }
    message.shared.push_back({row->id, row->data == nullptr ? zero->data : row->data, block});
  }
  for (const BufferRef& block : message.blocks) block->mark = 0;
}

// A block whose rows are all current and all wanted travels as it is. No row comes twice: marks count a block's rows.
std::vector<BufferRef> ServerShard::pack_rows(Table& table, const std::vector<StoredRow*>& rows) {
  std::vector<BufferRef> blocks;
  for (const StoredRow* row : rows) {
    if (row->data != nullptr) ++row->block->mark;
  }
  wire::BlockBuilder builder(pool_, table.spec.shape, limits::kBlockBytes);
  constexpr std::uint32_t kSent = 0xFFFF'FFFF;
  for (const StoredRow* row : rows) {
    Buffer* block = row->data == nullptr ? nullptr : row->block;
    if (block != nullptr && block->mark == kSent) continue;
    if (block != nullptr && block->mark == block->rows && block->live_in_store == block->rows) {
      block->mark = kSent;
      blocks.push_back(BufferRef::share(block));
    } else {
      append_row(builder, table.spec.shape, *row, table.store.zero_block());
    }
  }
  for (const StoredRow* row : rows) {
    if (row->data != nullptr) row->block->mark = 0;
  }
  for (BufferRef& block : builder.take()) blocks.push_back(std::move(block));
  return blocks;
}

void ServerShard::on_unsubscribe(Rank client, const wire::Unsubscribe& unsubscribe) {
  Table* table = find_table(unsubscribe.table);
  if (table == nullptr) return;
  Reader& reader = table->readers[static_cast<std::size_t>(client)];
  for (const RowId row : unsubscribe.rows) {
    if (table->store.row(row).subscribers.erase(client)) --reader.subscriptions;
  }
  trim_log(*table);
}

std::size_t ServerShard::parked() const {
  std::size_t count = 0;
  for (const auto& table : tables_) count += table ? table->parked.size() : 0;
  return count;
}

std::size_t ServerShard::rows() const {
  std::size_t count = 0;
  for (const auto& table : tables_) count += table ? table->store.size() : 0;
  return count;
}

std::size_t ServerShard::rows(TableId table) const { return tables_[table]->store.size(); }

std::size_t ServerShard::log_size(TableId table) const { return tables_[table]->store.log_size(); }

Clock ServerShard::minimum(TableId table) const { return tables_[table]->clocks.minimum(); }

}  // namespace bosen::core
