#include "tests/support/sim_worker.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "tests/support/elements.h"

namespace bosen::testing {

using core::ClientCore;
using core::ClientTable;
using core::Outbox;
using core::RowIndex;

namespace {

constexpr std::int64_t kTag = 7;

int local_number(const core::Membership& members, WorkerId worker) {
  return worker - members.first_worker(members.rank_of_worker(worker));
}

}  // namespace

SimWorker::SimWorker(SimJob& job, WorkerId id, SimRandom random)
    : job_(job),
      id_(id),
      rank_(job.cluster.members().rank_of_worker(id)),
      local_(local_number(job.cluster.members(), id)),
      random_(random),
      advanced_early_(job.scenario.tables.size(), false) {}

SimWorker::Progress SimWorker::step() {
  if (done_) return Progress::kDone;
  if (!started_) {
    started_ = true;
    process().client().reclaimer().enter(static_cast<std::size_t>(local_));
  }
  if (plan_.empty()) plan_clock();
  if (!perform(plan_.front())) return Progress::kWaits;
  if (!done_) plan_.pop_front();
  return Progress::kMoved;
}

void SimWorker::plan_clock() {
  std::vector<std::deque<Op>> parts;
  for (std::size_t table = 0; table < job_.scenario.tables.size(); ++table) plan_table(static_cast<int>(table), parts);
  plan_channels(parts);
  // Each part keeps its order; the parts mix.
  while (!parts.empty()) {
    const int part = random_.below(static_cast<int>(parts.size()));
    auto& from = parts[static_cast<std::size_t>(part)];
    if (from.empty()) {
      parts.erase(parts.begin() + part);
      continue;
    }
    plan_.push_back(std::move(from.front()));
    from.pop_front();
  }
  plan_end_of_clock();
}

void SimWorker::plan_end_of_clock() {
  const auto& barriers = job_.scenario.barriers;
  const bool meets = std::find(barriers.begin(), barriers.end(), clock_ + 1) != barriers.end();
  const bool is_last = clock_ + 1 == job_.scenario.clocks[static_cast<std::size_t>(id_)];
  if (is_last && !meets && random_.chance(0.3)) {
    plan_.push_back({.kind = Kind::kFinish, .rows = {}});  // with updates that it has not advanced
    return;
  }
  plan_.push_back({.kind = Kind::kAdvance, .rows = {}});
  if (meets) {
    plan_.push_back({.kind = Kind::kArrive, .rows = {}});
    plan_.push_back({.kind = Kind::kBarrier, .rows = {}});
  }
  if (!is_last) return;
  if (random_.chance(0.5)) {
    const int table = random_.below(static_cast<int>(job_.scenario.tables.size()));
    plan_.push_back({.kind = Kind::kGet, .table = table, .rows = {0}});
  }
  plan_.push_back({.kind = Kind::kFinish, .rows = {}});
}

void SimWorker::plan_table(int table, std::vector<std::deque<Op>>& parts) {
  const TableScenario& what = scenario(table);
  std::vector<int> reads;
  std::vector<Op> ops;
  const int rows = static_cast<int>(what.rows.size());
  for (int row = 0; row < rows; ++row) {
    if (random_.chance(what.read_chance)) reads.push_back(row);
    if (!random_.chance(what.inc_chance)) continue;
    const int times = random_.chance(0.2) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      ops.push_back({.kind = Kind::kInc, .table = table, .rows = {row}, .amount = random_.between(1, 3)});
    }
  }
  random_.shuffle(reads);
  if (random_.chance(0.3) && !reads.empty()) {
    ops.push_back({.kind = Kind::kGet, .table = table, .rows = reads});  // all at once
  }
  if (random_.chance(0.7)) {
    for (const int row : reads) ops.push_back({.kind = Kind::kGet, .table = table, .rows = {row}});
  }
  random_.shuffle(ops);
  std::deque<Op> part(ops.begin(), ops.end());
  if (random_.chance(0.2) && !reads.empty()) {
    part.push_front({.kind = Kind::kPrefetch, .table = table, .rows = reads});
  }
  if (random_.chance(what.early_advance_chance)) {
    part.push_back({.kind = Kind::kAdvanceTable, .table = table, .rows = {}});
    if (random_.chance(0.5)) {  // belongs to the table's next clock
      part.push_back({.kind = Kind::kInc, .table = table, .rows = {random_.below(rows)}, .amount = 1});
    }
  }
  parts.push_back(std::move(part));
}

// Everybody sends to the next one and receives from the one before, while all are still there.
void SimWorker::plan_channels(std::vector<std::deque<Op>>& parts) {
  const auto& clocks = job_.scenario.clocks;
  if (clock_ >= *std::min_element(clocks.begin(), clocks.end())) return;
  std::deque<Op> part;
  const int messages = job_.scenario.messages_per_clock;
  for (int i = 0; i < messages; ++i) plan_.push_back({.kind = Kind::kSend, .rows = {}});
  for (int i = 0; i < messages; ++i) part.push_back({.kind = Kind::kReceive, .rows = {}});
  parts.push_back(std::move(part));
}

bool SimWorker::perform(Op& op) {
  switch (op.kind) {
    case Kind::kGet:
      return get(op);
    case Kind::kPrefetch: {
      std::vector<RowId> rows;
      for (const int row : op.rows) rows.push_back(row_id(op.table, row));
      process().with_client(
          [&](ClientCore&, Outbox& outbox) { table(op.table).request(table(op.table).part(local_), rows, outbox); });
      return true;
    }
    case Kind::kInc:
      inc(op);
      return true;
    case Kind::kAdvanceTable:
      advanced_early_[static_cast<std::size_t>(op.table)] = true;
      advance({op.table}, false);
      return true;
    case Kind::kAdvance:
      advance_all();
      return true;
    case Kind::kFinish:
      finish();
      return true;
    case Kind::kArrive:
      arrive_at_barrier();
      return true;
    case Kind::kBarrier:
      return wait_for_barrier();
    case Kind::kSend:
      return send();
    case Kind::kReceive:
      break;
  }
  return receive();
}

bool SimWorker::get(Op& op) {
  ClientTable& rows = table(op.table);
  ClientTable::WorkerPart& part = rows.part(local_);
  std::vector<int> missing;
  for (const int row : op.rows) {
    const std::byte* data = rows.read(part, row_id(op.table, row));
    if (data == nullptr) {
      missing.push_back(row);
      continue;
    }
    ++counts_.reads;
    std::string problem;
    const auto counts = read_counts(scenario(op.table).spec, data, job_.scenario.workers(), problem);
    if (problem.empty()) problem = job_.oracles[static_cast<std::size_t>(op.table)].check_read(id_, row, counts);
    if (!problem.empty()) fail("table " + std::to_string(op.table) + ": " + problem);
    views_.push_back({op.table, row, data, {data, data + row_bytes(rows.spec().shape, data)}});
  }
  op.rows = missing;
  if (missing.empty()) return true;
  if (!std::exchange(op.requested, true)) {
    counts_.misses += static_cast<std::int64_t>(missing.size());
    std::vector<RowId> ids;
    for (const int row : missing) ids.push_back(row_id(op.table, row));
    process().with_client([&](ClientCore&, Outbox& outbox) { rows.request(part, ids, outbox); });
  }
  return false;
}

void SimWorker::inc(const Op& op) {
  for (const int row : op.rows) {
    inc_row(table(op.table), row_id(op.table, row), op.amount);
    job_.oracles[static_cast<std::size_t>(op.table)].inc(id_, row, op.amount);
  }
}

void SimWorker::inc_row(ClientTable& rows, RowId row, std::int64_t amount) {
  ClientTable::WorkerPart& part = rows.part(local_);
  std::uint32_t slot = rows.slot_to_inc(part, row);
  while (slot == RowIndex::kNone) {
    process().with_client([&](ClientCore&, Outbox&) { rows.add_slot(row); });
    slot = rows.slot_to_inc(part, row);
  }
  const wire::RowShape& shape = rows.spec().shape;
  const std::size_t element = shape.element_bytes();
  const Column column = column_of(shape, id_);
  // All at once or in two pieces, the whole row or only a column.
  const std::int64_t first = random_.chance(0.3) ? 1 : amount;
  for (const std::int64_t piece : {first, amount - first}) {
    if (piece == 0) continue;
    std::vector<std::byte> updates(element);
    write_element(shape.element, updates.data(), piece);
    if (shape.kind == RowKind::kSparse) {
      part.delta.inc_sparse(slot, row, rows.shard(slot), {&column, 1}, updates.data());
    } else if (random_.chance(0.5)) {
      part.delta.inc_dense_at(slot, row, rows.shard(slot), {&column, 1}, updates.data());
    } else {
      updates.assign(shape.row_bytes(), std::byte{0});
      write_element(shape.element, updates.data() + column * element, piece);
      part.delta.inc_dense(slot, row, rows.shard(slot), updates.data());
    }
  }
}

void SimWorker::advance(const std::vector<int>& tables, bool finishes) {
  for (const int number : tables) check_views(number);
  process().with_client([&](ClientCore& client, Outbox& outbox) {
    for (const int number : tables) {
      ClientTable& table = client.table(static_cast<TableId>(number));
      if (random_.chance(scenario(number).change_chance)) table.set_staleness(random_.below(6));
      table.advance(local_, finishes, outbox);
      job_.oracles[static_cast<std::size_t>(number)].advance(id_, finishes, table.staleness());
    }
  });
  process().settle();
}

void SimWorker::advance_all() {
  std::vector<int> tables;
  for (std::size_t number = 0; number < advanced_early_.size(); ++number) {
    if (!advanced_early_[number]) tables.push_back(static_cast<int>(number));
  }
  advance(tables, false);
  ++clock_;
  std::fill(advanced_early_.begin(), advanced_early_.end(), false);
  // A table that was advanced early has lost its views then; views of the others went with this advance.
  process().client().quiesce(local_);
  process().client().collect();
}

void SimWorker::finish() {
  std::vector<int> tables(advanced_early_.size());
  std::iota(tables.begin(), tables.end(), 0);
  advance(tables, true);
  process().client().reclaimer().leave(static_cast<std::size_t>(local_));
  process().client().collect();
  done_ = true;
}

void SimWorker::arrive_at_barrier() {
  for (ConsistencyOracle& oracle : job_.oracles) oracle.arrive_at_barrier(id_);
  auto& arrived = job_.barrier_waits[static_cast<std::size_t>(rank_)];
  arrived.resize(std::max(arrived.size(), barriers_ + 1), 0);
  if (++arrived[barriers_++] < process().workers()) return;
  // All workers come to a barrier at the same clock, and every one of them is a checkpoint.
  process().with_client([this](ClientCore& client, Outbox& outbox) { client.arrive_at_barrier(outbox, clock_); });
}

bool SimWorker::wait_for_barrier() {
  if (process().client().barriers_passed() < barriers_) return false;
  for (ConsistencyOracle& oracle : job_.oracles) oracle.pass_barrier(id_);
  return true;
}

bool SimWorker::send() {
  const auto to = static_cast<WorkerId>((id_ + 1) % job_.scenario.workers());
  BufferRef bytes = job_.cluster.pool().take(sizeof sent_);
  std::memcpy(bytes->data, &sent_, sizeof sent_);
  bytes->size = sizeof sent_;
  bool sent = false;
  process().with_client(
      [&](ClientCore& client, Outbox& outbox) { sent = client.channel(0).send(id_, to, kTag, bytes, outbox); });
  sent_ += sent ? 1 : 0;
  return sent;
}

bool SimWorker::receive() {
  const int workers = job_.scenario.workers();
  const auto from = static_cast<WorkerId>((id_ + workers - 1) % workers);
  std::optional<wire::ChannelData> data;
  process().with_client(
      [&](ClientCore& client, Outbox& outbox) { data = client.channel(0).receive(id_, kTag, from, outbox); });
  if (!data) return false;
  std::int64_t number = -1;
  std::memcpy(&number, data->bytes->data, sizeof number);
  if (number != received_) {
    fail("worker " + std::to_string(id_) + " receives message " + std::to_string(number) + " where " +
         std::to_string(received_) + " is due");
  }
  ++received_;
  ++counts_.messages;
  return true;
}

void SimWorker::check_views(int table) {
  for (const View& view : views_) {
    if (view.table != table || std::equal(view.content.begin(), view.content.end(), view.data)) continue;
    fail("table " + std::to_string(table) + ": worker " + std::to_string(id_) + "'s view of row number " +
         std::to_string(view.row) + " changed while it looked at it");
  }
  std::erase_if(views_, [table](const View& view) { return view.table == table; });
}

void SimWorker::fail(const std::string& problem) {
  if (problem_.empty()) problem_ = problem;
}

std::string SimWorker::doing() const {
  if (done_) return "is done";
  if (plan_.empty()) return "begins clock " + std::to_string(clock_);
  static constexpr const char* kNames[] = {"get",    "prefetch", "inc",     "advance table", "advance",
                                           "finish", "arrive",   "barrier", "send",          "receive"};
  const Op& op = plan_.front();
  std::string text = "at clock " + std::to_string(clock_) + ": " + kNames[static_cast<int>(op.kind)] + " table " +
                     std::to_string(op.table) + " rows";
  for (const int row : op.rows) text += " " + std::to_string(row);
  return text;
}

}  // namespace bosen::testing
