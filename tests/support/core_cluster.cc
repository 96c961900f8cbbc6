#include "tests/support/core_cluster.h"

#include <gtest/gtest.h>

#include "tests/support/elements.h"

namespace bosen::testing {

using core::ClientCore;
using core::ClientTable;
using core::Outbox;

std::size_t FifoCarrier::under_way(Rank from, Rank to) const {
  const auto found = queues_.find({from, to});
  return found == queues_.end() ? 0 : found->second.size();
}

std::vector<std::pair<Rank, Rank>> FifoCarrier::busy() const {
  std::vector<std::pair<Rank, Rank>> pairs;
  for (const auto& [pair, queue] : queues_) {
    if (!queue.empty()) pairs.push_back(pair);
  }
  return pairs;
}

wire::Envelope FifoCarrier::take(Rank from, Rank to) {
  auto& queue = queues_[{from, to}];
  wire::Envelope envelope = std::move(queue.front());
  queue.pop_front();
  return envelope;
}

CoreCluster::CoreCluster(const std::vector<ProcessShape>& shapes) : cluster_(shapes, updaters_, pool_, carrier_) {
  for (Rank rank = 0; rank < cluster_.members().clients(); ++rank) {
    for (int worker = 0; worker < cluster_.process(rank).workers(); ++worker) {
      client(rank).reclaimer().enter(static_cast<std::size_t>(worker));
    }
  }
}

TableId CoreCluster::create_table(const wire::TableSpec& spec, std::int64_t cache_rows) {
  TableId id = 0;
  for (Rank rank = 0; rank < cluster_.members().clients(); ++rank) {
    cluster_.process(rank).with_client(
        [&](ClientCore& client, Outbox& outbox) { id = client.create_table(spec, cache_rows, outbox).id(); });
  }
  deliver_all();
  for (Rank rank = 0; rank < cluster_.members().clients(); ++rank) {
    EXPECT_TRUE(client(rank).table_creation(id).done());
    EXPECT_EQ(client(rank).table_creation(id).problem, "");
  }
  return id;
}

CoreCluster::Place CoreCluster::place(WorkerId worker) const {
  const core::Membership& members = cluster_.members();
  const Rank rank = members.rank_of_worker(worker);
  return {rank, worker - members.first_worker(rank)};
}

std::optional<std::vector<std::int64_t>> CoreCluster::read(WorkerId worker, TableId id, RowId row) {
  const Place at = place(worker);
  ClientTable& rows = table(at.rank, id);
  const std::byte* data = rows.read(rows.part(at.local), row);
  if (data == nullptr) return {};
  return elements_of(rows.spec().shape, data);
}

void CoreCluster::request(WorkerId worker, TableId id, std::span<const RowId> rows) {
  const Place at = place(worker);
  cluster_.process(at.rank).with_client([&](ClientCore& client, Outbox& outbox) {
    client.table(id).request(client.table(id).part(at.local), rows, outbox);
  });
}

std::vector<std::int64_t> CoreCluster::get(WorkerId worker, TableId id, RowId row) {
  if (auto elements = read(worker, id, row)) return *elements;
  request(worker, id, {&row, 1});
  deliver_all();
  auto elements = read(worker, id, row);
  EXPECT_TRUE(elements.has_value()) << "worker " << worker << " has to wait for row " << row;
  return elements.value_or(std::vector<std::int64_t>{});
}

void CoreCluster::inc(WorkerId worker, TableId id, RowId row, Column column, std::int64_t amount) {
  const Place at = place(worker);
  ClientTable& rows = table(at.rank, id);
  ClientTable::WorkerPart& part = rows.part(at.local);
  std::uint32_t slot = rows.slot_to_inc(part, row);
  while (slot == core::RowIndex::kNone) {
    cluster_.process(at.rank).with_client([&](ClientCore&, Outbox&) { rows.add_slot(row); });
    slot = rows.slot_to_inc(part, row);
  }
  const wire::RowShape& shape = rows.spec().shape;
  std::byte update[8];
  write_element(shape.element, update, amount);
  if (shape.kind == RowKind::kSparse) {
    part.delta.inc_sparse(slot, row, rows.shard(slot), {&column, 1}, update);
  } else {
    part.delta.inc_dense_at(slot, row, rows.shard(slot), {&column, 1}, update);
  }
}

void CoreCluster::advance(WorkerId worker, TableId id) {
  const Place at = place(worker);
  SimProcess& process = cluster_.process(at.rank);
  process.with_client([&](ClientCore& client, Outbox& outbox) { client.table(id).advance(at.local, false, outbox); });
  process.settle();
  process.client().quiesce(at.local);
  process.client().collect();
}

void CoreCluster::finish(WorkerId worker, TableId id) {
  const Place at = place(worker);
  SimProcess& process = cluster_.process(at.rank);
  process.with_client([&](ClientCore& client, Outbox& outbox) { client.table(id).advance(at.local, true, outbox); });
  process.settle();
}

void CoreCluster::arrive_at_barrier(Rank rank) {
  cluster_.process(rank).with_client([](ClientCore& client, Outbox& outbox) { client.arrive_at_barrier(outbox); });
}

void CoreCluster::deliver(Rank from, Rank to) {
  cluster_.process(to).post(carrier_.take(from, to));
  cluster_.process(to).settle();
}

void CoreCluster::deliver_all() {
  for (bool progress = true; progress;) {
    progress = false;
    for (Rank rank = 0; rank < cluster_.size(); ++rank) {
      progress = progress || cluster_.process(rank).has_mail();
      cluster_.process(rank).settle();
    }
    for (const auto& [from, to] : carrier_.busy()) {
      progress = true;
      deliver(from, to);
    }
  }
}

std::vector<std::int64_t> CoreCluster::row_on_shard(TableId id, RowId row) {
  const wire::RowShape& shape = table(0, id).spec().shape;
  const auto stored = cluster_.row_on_shard(id, shape, row);
  return elements_of(shape, stored.bytes.data());
}

std::vector<std::int64_t> elements_of(const wire::RowShape& shape, const std::byte* row) {
  std::vector<std::int64_t> elements;
  const bool dense = shape.kind == RowKind::kDense;
  const std::size_t count = dense ? static_cast<std::size_t>(shape.width) : wire::SparseRecord::count(row);
  const std::byte* values = dense ? row : row + wire::SparseRecord::values_offset(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!dense) elements.push_back(wire::SparseRecord::columns(row)[i]);
    elements.push_back(read_element(shape.element, values + i * shape.element_bytes()));
  }
  return elements;
}

wire::TableSpec dense_table(Consistency consistency, Clock staleness, std::int64_t width) {
  return {.name = "table",
          .shape = {.kind = RowKind::kDense, .element = ElementType::kInt64, .width = width},
          .consistency = consistency,
          .staleness = staleness,
          .updater = {}};
}

wire::TableSpec sparse_table(Consistency consistency, Clock staleness) {
  return {.name = "table",
          .shape = {.kind = RowKind::kSparse, .element = ElementType::kInt64},
          .consistency = consistency,
          .staleness = staleness,
          .updater = {}};
}

}  // namespace bosen::testing
