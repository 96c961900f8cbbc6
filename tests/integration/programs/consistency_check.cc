// The complete test of the guarantee, on real threads, processes and transports: every worker adds 1 to its own column
// each clock, so that a read shows exactly how many clocks of every worker are visible. Ends with an error that says
// which read showed what it must not. Run alone, or by `bosen run` with any number of processes.

#include <fmt/format.h>

#include <random>
#include <vector>

#include "bosen/bosen.h"

namespace {

using bosen::Clock;
using bosen::Consistency;
using bosen::kTunedStalenessMost;
using bosen::RowId;
using bosen::Worker;
using bosen::WorkerId;

struct CheckOptions {
  int rows = 12;
  int cache_rows = 0;
  int barrier_every = 5;
  bool random_rows = false;
};

/// What one worker has seen of one table, and what it must see.
class Witness {
 public:
  /// `lead`: clocks by which any worker's staleness lets it be ahead.
  Witness(std::string table, Consistency model, Clock lead, const Worker& worker, int rows)
      : table_(std::move(table)),
        model_(model),
        lead_(model == Consistency::kBsp ? 0 : lead),
        id_(worker.id()),
        seen_(static_cast<std::size_t>(rows), std::vector<Clock>(static_cast<std::size_t>(worker.count()), 0)) {}

  /// What the worker may see when it reads.
  struct Reader {
    Clock clock = 0;
    Clock staleness = 0;
    Clock own = 0;  ///< increments that it made
    Clock passed_barrier = 0;
  };

  /// `visible` clocks of worker `other` in a read of `row`.
  void check(RowId row, WorkerId other, Clock visible, const Reader& reader) {
    const auto& [clock, staleness, own, passed_barrier] = reader;
    const auto fail = [&, clock = reader.clock](const std::string& rule) {
      throw bosen::Error(bosen::ErrorKind::kData,
                         fmt::format("table {}, row {}, worker {} at clock {}: shows {} clocks of worker {}, {}",
                                     table_, row, id_, clock, visible, other, rule));
    };
    Clock& before = seen_[static_cast<std::size_t>(row)][static_cast<std::size_t>(other)];
    if (visible < before) fail(fmt::format("and showed {} before", before));
    before = visible;
    if (other == id_) {
      if (visible != own) fail(fmt::format("its own are {}", own));
      return;
    }
    if (model_ == Consistency::kBsp && visible != clock) fail("bsp shows exactly the clock");
    if (model_ != Consistency::kAsp && visible < clock - staleness) fail(fmt::format("staleness is {}", staleness));
    if (visible < passed_barrier) fail(fmt::format("a barrier was passed at {}", passed_barrier));
    if (model_ != Consistency::kAsp && visible > clock + lead_ + 1) fail("nobody may be so far ahead");
  }

 private:
  const std::string table_;
  const Consistency model_;
  const Clock lead_;
  const WorkerId id_;
  std::vector<std::vector<Clock>> seen_;  // by row, by worker
};

RowId row_id(const CheckOptions& options, int row) {
  return options.random_rows ? (RowId{row} + 1) * 0x1234'5678'9ABC : row;
}

void check_dense(const bosen::Table<float>& table, Worker& worker, Witness& witness, const CheckOptions& options,
                 int row, Clock own, Clock barrier) {
  const auto view = table.get(worker, row_id(options, row));
  const Clock staleness = table.staleness(worker);
  for (WorkerId other = 0; other < worker.count(); ++other) {
    witness.check(row, other, static_cast<Clock>(view[static_cast<std::size_t>(other)]),
                  {.clock = worker.clock(), .staleness = staleness, .own = own, .passed_barrier = barrier});
  }
}

void check_sparse(const bosen::SparseTable<std::int64_t>& table, Worker& worker, Witness& witness,
                  const CheckOptions& options, int row, Clock own, Clock barrier) {
  const auto view = table.get(worker, row_id(options, row));
  const Clock staleness = table.staleness(worker);
  for (WorkerId other = 0; other < worker.count(); ++other) {
    const auto column = static_cast<bosen::Column>(other * 1000);
    witness.check(row, other, view[column],
                  {.clock = worker.clock(), .staleness = staleness, .own = own, .passed_barrier = barrier});
  }
}

void work(bosen::Cluster& cluster, Worker& worker, const CheckOptions& options, const bosen::Table<float>& dense,
          const bosen::SparseTable<std::int64_t>& sparse) {
  const bosen::Options& common = cluster.options();
  const Clock lead = common.tunes_staleness ? kTunedStalenessMost : common.staleness;
  Witness dense_witness("dense", common.consistency, lead, worker, options.rows);
  Witness sparse_witness("sparse", common.consistency, lead, worker, options.rows);
  std::mt19937_64 random(common.seed * 1000 + static_cast<std::uint64_t>(worker.id()));
  const auto own_column = static_cast<bosen::Column>(worker.id());
  const auto sparse_column = static_cast<bosen::Column>(worker.id() * 1000);
  std::vector<RowId> all;
  for (int row = 0; row < options.rows; ++row) all.push_back(row_id(options, row));
  Clock barrier = 0;
  for (Clock clock = 0; clock < common.clocks; ++clock) {
    if (random() % 2 == 0) dense.prefetch(worker, all);
    for (int row = 0; row < options.rows; ++row) {
      check_dense(dense, worker, dense_witness, options, row, clock, barrier);
      check_sparse(sparse, worker, sparse_witness, options, row, clock, barrier);
      dense.inc(worker, row_id(options, row), own_column, 1.0F);
      sparse.inc(worker, row_id(options, row), sparse_column, 1);
      if (random() % 4 == 0) check_dense(dense, worker, dense_witness, options, row, clock + 1, barrier);
      if (random() % 4 == 0) check_sparse(sparse, worker, sparse_witness, options, row, clock + 1, barrier);
    }
    if (random() % 3 == 0) dense.advance(worker);
    worker.advance();
    if (options.barrier_every > 0 && (clock + 1) % options.barrier_every == 0) {
      worker.barrier();
      barrier = clock + 1;
    }
  }
  worker.barrier();
  for (int row = 0; row < options.rows; ++row) {
    check_dense(dense, worker, dense_witness, options, row, common.clocks, common.clocks);
    check_sparse(sparse, worker, sparse_witness, options, row, common.clocks, common.clocks);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CheckOptions options;
  bosen::App app("consistency_check", "Checks every read against the guarantee");
  app.defaults().clocks = 20;
  app.option("rows", &options.rows, "rows of each table", {.minimum = 1, .maximum = 1e6});
  app.option("cache-rows", &options.cache_rows, "bound of the process cache; 0: none", {.minimum = 0, .maximum = 1e6});
  app.option("barrier-every", &options.barrier_every, "clocks between barriers; 0: none",
             {.minimum = 0, .maximum = 1e6});
  app.option("random-rows", &options.random_rows, "row ids far apart instead of consecutive ones");
  return app.run(argc, argv, [&](bosen::Cluster& cluster) {
    const auto dense =
        cluster.create_table<float>("dense", {.width = cluster.workers(), .cache_rows = options.cache_rows});
    const auto sparse = cluster.create_sparse_table<std::int64_t>("sparse", {.cache_rows = options.cache_rows});
    cluster.run_workers([&](Worker& worker) { work(cluster, worker, options, dense, sparse); });
    if (cluster.rank() == 0) fmt::print("every read of {} workers kept the guarantee\n", cluster.workers());
  });
}
