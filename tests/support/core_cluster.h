#pragma once

// A small job of core parts for tests that say themselves what happens when: workers act by name, and messages between
// processes lie in their queues until they are delivered.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/sim_cluster.h"

namespace bosen::testing {

/// Queues by (from, to), first in, first out: what core::Link makes of any network.
class FifoCarrier final : public Carrier {
 public:
  void carry(Rank from, Rank to, wire::Envelope envelope) override {
    queues_[{from, to}].push_back(std::move(envelope));
  }

  [[nodiscard]] std::size_t under_way(Rank from, Rank to) const;
  /// The queues that are not empty.
  [[nodiscard]] std::vector<std::pair<Rank, Rank>> busy() const;
  [[nodiscard]] const std::deque<wire::Envelope>& queue(Rank from, Rank to) { return queues_[{from, to}]; }
  wire::Envelope take(Rank from, Rank to);

 private:
  std::map<std::pair<Rank, Rank>, std::deque<wire::Envelope>> queues_;
};

class CoreCluster {
 public:
  explicit CoreCluster(const std::vector<ProcessShape>& shapes);

  /// Makes the table everywhere and waits until it is usable.
  TableId create_table(const wire::TableSpec& spec, std::int64_t cache_rows = 0);

  // What workers do. Elements are written and read as integers whatever their type.
  /// The row as the worker sees it without waiting; none: it would have to wait.
  std::optional<std::vector<std::int64_t>> read(WorkerId worker, TableId table, RowId row);
  void request(WorkerId worker, TableId table, std::span<const RowId> rows);
  /// Reads, asks for what is missing and delivers everything; fails the test where that is not enough.
  std::vector<std::int64_t> get(WorkerId worker, TableId table, RowId row);
  void inc(WorkerId worker, TableId table, RowId row, Column column, std::int64_t amount);
  void advance(WorkerId worker, TableId table);
  void finish(WorkerId worker, TableId table);
  void arrive_at_barrier(Rank process);

  // What the network does.
  void deliver(Rank from, Rank to);
  void deliver_all();
  [[nodiscard]] FifoCarrier& carrier() { return carrier_; }

  [[nodiscard]] SimCluster& cluster() { return cluster_; }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  [[nodiscard]] core::ClientCore& client(Rank rank) { return cluster_.process(rank).client(); }
  [[nodiscard]] core::ClientTable& table(Rank rank, TableId table) { return client(rank).table(table); }
  /// The row on its shard, as integers.
  std::vector<std::int64_t> row_on_shard(TableId table, RowId row);

  struct Place {
    Rank rank;
    int local;
  };
  [[nodiscard]] Place place(WorkerId worker) const;

 private:
  BufferPool pool_;  // outlives everything that may hold a block
  core::UpdaterCatalog updaters_;
  FifoCarrier carrier_;
  SimCluster cluster_;
};

/// The elements of a row (of a sparse one: column, value, column, value, ...) as integers.
std::vector<std::int64_t> elements_of(const wire::RowShape& shape, const std::byte* row);

/// A dense table of that model with `width` columns of 64-bit integers.
wire::TableSpec dense_table(Consistency consistency, Clock staleness, std::int64_t width = 2);
wire::TableSpec sparse_table(Consistency consistency, Clock staleness);

}  // namespace bosen::testing
