// The complete test of the guarantee, on real threads, processes and transports: every worker adds 1 to its own column
// each clock, so that a read shows exactly how many clocks of every worker are visible, before and after a checkpoint
// that the job goes on from. A dense and a sparse table have the job's options, one more has its own. Ends with an
// error that says which read showed what it must not. Run alone, or by `bosen run` with any number of processes.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "bosen/bosen.h"

namespace {

using bosen::Clock;
using bosen::Column;
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

/// What a table was asked to keep.
struct Promise {
  Consistency model = Consistency::kEssp;
  Clock staleness = 0;
  bool is_tuned = false;  ///< the staleness is found while it runs

  /// Clocks by which a read at `clock` may lag; `said`: what the table says of it.
  [[nodiscard]] Clock lag(Clock clock, Clock said) const {
    if (model == Consistency::kBsp) return 0;
    if (model == Consistency::kAsp) return clock;
    return is_tuned ? said : std::min(clock, staleness);
  }

  /// Clocks by which anybody may be ahead.
  [[nodiscard]] Clock lead() const {
    if (model == Consistency::kBsp) return 0;
    return is_tuned ? kTunedStalenessMost : staleness;
  }
};

/// What one worker has seen of one table, and what it must see.
class Witness {
 public:
  Witness(std::string table, const Promise& promise, const Worker& worker, int rows)
      : table_(std::move(table)),
        promise_(promise),
        id_(worker.id()),
        seen_(static_cast<std::size_t>(rows), std::vector<Clock>(static_cast<std::size_t>(worker.count()), 0)) {}

  /// A worker when it reads.
  struct Reader {
    Clock clock = 0;
    Clock own = 0;  ///< increments that it made
    Clock passed_barrier = 0;
  };

  /// The table says that this worker's reads may lag by `said`.
  void check_staleness(Clock clock, Clock said) const {
    const Clock allowed = promise_.lag(clock, said);
    if (said == allowed) return;
    throw bosen::Error(
        bosen::ErrorKind::kData,
        fmt::format("table {}, worker {} at clock {}: reads may lag by {}, not {}", table_, id_, clock, said, allowed));
  }

  /// `visible` clocks of worker `other` in a read of `row`.
  void check(int row, WorkerId other, Clock visible, Clock lag, const Reader& reader) {
    const auto& [clock, own, passed_barrier] = reader;
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
    const Consistency model = promise_.model;
    if (model == Consistency::kBsp && visible != clock) fail("bsp shows exactly the clock");
    if (visible < clock - lag) fail(fmt::format("it may lag by {}", lag));
    if (visible < passed_barrier) fail(fmt::format("a barrier was passed at {}", passed_barrier));
    if (model != Consistency::kAsp && visible > clock + promise_.lead() + 1) fail("nobody may be so far ahead");
  }

 private:
  const std::string table_;
  const Promise promise_;
  const WorkerId id_;
  std::vector<std::vector<Clock>> seen_;  // by row, by worker
};

/// How a worker increments its own columns of a row by 1, in one of two ways.
void increment(const bosen::Table<float>& table, Worker& worker, RowId row, bool at_once) {
  if (!at_once) return table.inc(worker, row, static_cast<Column>(worker.id()), 1.0F);
  std::vector<float> updates(static_cast<std::size_t>(worker.count()));
  updates[static_cast<std::size_t>(worker.id())] = 1.0F;
  table.inc(worker, row, std::span<const float>(updates));
}

/// Two columns, far from those of other workers.
std::array<Column, 2> sparse_columns(WorkerId id) {
  return {static_cast<Column>(id * 1000), static_cast<Column>(id * 1000 + 1)};
}

template <class T>
void increment(const bosen::SparseTable<T>& table, Worker& worker, RowId row, bool at_once) {
  const std::array<Column, 2> columns = sparse_columns(worker.id());
  const std::array<T, 2> updates = {1, 1};
  if (at_once) return table.inc(worker, row, columns, updates);
  for (const Column column : columns) table.inc(worker, row, column, 1);
}

/// Clocks of a worker that a row shows.
Clock shown(const bosen::RowView<float>& row, WorkerId id) {
  return static_cast<Clock>(row[static_cast<std::size_t>(id)]);
}

template <class T>
Clock shown(const bosen::SparseRowView<T>& row, WorkerId id) {
  const auto [first, second] = sparse_columns(id);
  if (row[first] == row[second]) return static_cast<Clock>(row[first]);
  throw bosen::Error(bosen::ErrorKind::kData,
                     fmt::format("a row shows one half of worker {}: {} and {}", id, row[first], row[second]));
}

/// What one worker does with one table, and sees.
template <class AnyTable>
class Checked {
 public:
  Checked(const AnyTable& table, const std::string& name, const Promise& promise, Worker& worker,
          const std::vector<RowId>& rows)
      : table_(table), worker_(worker), rows_(rows), witness_(name, promise, worker, static_cast<int>(rows.size())) {}

  void check(int row, Clock own, Clock barrier) { look(row, table_.get(worker_, id_of(row)), own, barrier); }

  void check_all(Clock own, Clock barrier) {
    const auto views = table_.get(worker_, rows_);
    for (std::size_t i = 0; i < views.size(); ++i) look(static_cast<int>(i), views[i], own, barrier);
  }

  void increment(int row, bool at_once) { ::increment(table_, worker_, id_of(row), at_once); }
  void prefetch() { table_.prefetch(worker_, rows_); }
  void advance() { table_.advance(worker_); }

 private:
  [[nodiscard]] RowId id_of(int row) const { return rows_[static_cast<std::size_t>(row)]; }

  template <class View>
  void look(int row, const View& view, Clock own, Clock barrier) {
    const Clock lag = table_.staleness(worker_);
    witness_.check_staleness(worker_.clock(), lag);
    for (WorkerId other = 0; other < worker_.count(); ++other) {
      witness_.check(row, other, shown(view, other), lag,
                     {.clock = worker_.clock(), .own = own, .passed_barrier = barrier});
    }
  }

  const AnyTable& table_;
  Worker& worker_;
  const std::vector<RowId>& rows_;
  Witness witness_;
};

struct Tables {
  bosen::Table<float> dense;
  bosen::SparseTable<std::int64_t> sparse;
  bosen::SparseTable<float> apart;  ///< with options of its own
};

/// Looser than every job's, so that it makes nobody wait who reads the others.
Promise promise_apart(const bosen::Options& common) {
  return {.model = Consistency::kEssp, .staleness = common.staleness + 3};
}

std::vector<RowId> row_ids(const CheckOptions& options) {
  std::vector<RowId> ids;
  for (RowId row = 0; row < options.rows; ++row) {
    ids.push_back(options.random_rows ? (row + 1) * 0x1234'5678'9ABC : row);
  }
  return ids;
}

void work(bosen::Cluster& cluster, Worker& worker, const CheckOptions& options, const Tables& tables) {
  const bosen::Options& common = cluster.options();
  const Promise of_job = {
      .model = common.consistency, .staleness = common.staleness, .is_tuned = common.tunes_staleness};
  const std::vector<RowId> rows = row_ids(options);
  Checked dense(tables.dense, "dense", of_job, worker, rows);
  Checked sparse(tables.sparse, "sparse", of_job, worker, rows);
  Checked apart(tables.apart, "apart", promise_apart(common), worker, rows);
  std::mt19937_64 random(common.seed * 1000 + static_cast<std::uint64_t>(worker.id()));
  const auto one_in = [&](std::uint64_t count) { return random() % count == 0; };
  const auto of_each = [&](const auto& action) {
    action(dense);
    action(sparse);
    action(apart);
  };
  Clock kept = 0;
  const bool goes_on = worker.keep("clock", kept);
  if (goes_on != (cluster.first_clock() > 0) || kept != worker.clock()) {
    throw bosen::Error(bosen::ErrorKind::kData, fmt::format("worker {} begins at clock {}, what it kept is of clock {}",
                                                            worker.id(), worker.clock(), kept));
  }
  Clock barrier = worker.clock();  // a checkpoint is one
  for (Clock clock = worker.clock(); clock < common.clocks; ++clock) {
    kept = clock;
    if (worker.checkpoint_due()) {
      worker.checkpoint();
      barrier = clock;
    }
    of_each([&](auto& table) {
      if (one_in(2)) table.prefetch();
      if (one_in(2)) table.check_all(clock, barrier);
      for (int row = 0; row < options.rows; ++row) {
        table.check(row, clock, barrier);
        table.increment(row, one_in(2));
        if (one_in(4)) table.check(row, clock + 1, barrier);
      }
      if (one_in(3)) table.advance();
    });
    worker.advance();
    if (options.barrier_every > 0 && (clock + 1) % options.barrier_every == 0) {
      worker.barrier();
      barrier = clock + 1;
    }
  }
  worker.barrier();
  of_each([&](auto& table) { table.check_all(common.clocks, common.clocks); });
}

/// Tables cost something where there are several processes, and nothing where there is one.
void check_traffic(const bosen::Traffic& traffic, bool is_alone) {
  if ((traffic.bytes_sent == 0) == is_alone && (traffic.bytes_received == 0) == is_alone) return;
  throw bosen::Error(bosen::ErrorKind::kData,
                     fmt::format("a table of {} sent {} bytes and received {}", is_alone ? "one process" : "several",
                                 traffic.bytes_sent, traffic.bytes_received));
}

}  // namespace

int main(int argc, char** argv) {
  CheckOptions options;
  bosen::App app("consistency_check", "Checks every read against the guarantee");
  app.makes_checkpoints().defaults().clocks = 20;
  app.option("rows", &options.rows, "rows of each table", {.minimum = 1, .maximum = 1e6});
  app.option("cache-rows", &options.cache_rows, "bound of the process cache; 0: none", {.minimum = 0, .maximum = 1e6});
  app.option("barrier-every", &options.barrier_every, "clocks between barriers; 0: none",
             {.minimum = 0, .maximum = 1e6});
  app.option("random-rows", &options.random_rows, "row ids far apart instead of consecutive ones");
  return app.run(argc, argv, [&](bosen::Cluster& cluster) {
    cluster.expect_clocks(cluster.options().clocks);
    const Promise apart = promise_apart(cluster.options());
    const Tables tables = {
        .dense = cluster.create_table<float>("dense", {.width = cluster.workers(), .cache_rows = options.cache_rows}),
        .sparse = cluster.create_sparse_table<std::int64_t>("sparse", {.cache_rows = options.cache_rows}),
        .apart = cluster.create_sparse_table<float>(
            "apart", {.staleness = apart.staleness, .consistency = apart.model, .cache_rows = options.cache_rows})};
    cluster.run_workers([&](Worker& worker) { work(cluster, worker, options, tables); });
    for (const auto& traffic : {tables.dense.traffic(), tables.sparse.traffic(), tables.apart.traffic()}) {
      check_traffic(traffic, cluster.size() == 1 && cluster.options().servers == 0);
    }
    if (cluster.rank() == 0) fmt::print("every read of {} workers kept the guarantee\n", cluster.workers());
  });
}
