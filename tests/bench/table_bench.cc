// The hot path of one process: cached get and dense inc of a 1000-float row, each beside the plain loop that bounds it.

#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include "bosen/bosen.h"
#include "bosen/job_report.h"
#include "bosen/runtime/machine_platform.h"
#include "bosen/runtime/process.h"

namespace {

constexpr std::int64_t kWidth = 1000;
constexpr bosen::RowId kRows = 8;  // all in the first-level cache, as in a worker's inner loop

// Runs `measure` in the only worker of an embedded job.
template <class Measure>
void with_worker(std::int64_t width, const Measure& measure) {
  bosen::runtime::MachinePlatform platform;
  bosen::runtime::Process process({}, platform);
  bosen::JobReport report("bench", process.options(), platform, bosen::JobReport::Progress::kHidden);
  bosen::Cluster cluster(process, report);
  const auto table = cluster.create_table<float>("rows", {.width = width});
  cluster.run_workers([&](bosen::Worker& worker) {
    for (bosen::RowId row = 0; row < kRows; ++row) static_cast<void>(table.get(worker, row));
    measure(worker, table);
  });
}

void cached_get(benchmark::State& state) {
  with_worker(kWidth, [&](bosen::Worker& worker, const bosen::Table<float>& table) {
    bosen::RowId row = 0;
    for (auto _ : state) {
      benchmark::DoNotOptimize(table.get(worker, row).data());
      row = (row + 1) % kRows;
    }
  });
}
BENCHMARK(cached_get);

void dense_inc(benchmark::State& state) {
  with_worker(kWidth, [&](bosen::Worker& worker, const bosen::Table<float>& table) {
    const std::vector<float> update(kWidth, 1.0F);
    bosen::RowId row = 0;
    for (auto _ : state) {
      table.inc(worker, row, std::span<const float>(update));
      row = (row + 1) % kRows;
    }
  });
  state.counters["elements/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kWidth), benchmark::Counter::kIsRate);
}
BENCHMARK(dense_inc);

void floor_axpy(benchmark::State& state) {
  std::vector<std::vector<float>> rows(kRows, std::vector<float>(kWidth));
  const std::vector<float> update(kWidth, 1.0F);
  std::size_t row = 0;
  for (auto _ : state) {
    float* target = rows[row].data();
    for (std::size_t i = 0; i < kWidth; ++i) target[i] += 0.5F * update[i];
    benchmark::DoNotOptimize(target);
    benchmark::ClobberMemory();
    row = (row + 1) % kRows;
  }
  state.counters["elements/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kWidth), benchmark::Counter::kIsRate);
}
BENCHMARK(floor_axpy);

void single_inc(benchmark::State& state) {
  with_worker(kWidth, [&](bosen::Worker& worker, const bosen::Table<float>& table) {
    bosen::Column column = 0;
    for (auto _ : state) {
      table.inc(worker, 0, column, 1.0F);
      column = (column + 1) % kWidth;
    }
  });
}
BENCHMARK(single_inc);

// Plain loops over a table of 1000 x 1000 floats: what a round can't be faster than.
void floor_round(benchmark::State& state) {
  constexpr std::size_t kElements = 1'000'000;
  std::vector<float> old_version(kElements), delta(kElements);
  const std::vector<float> update(kWidth, 1.0F);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kElements; ++i) delta[i] = update[i % kWidth];
    for (std::size_t i = 0; i < kElements; ++i) delta[i] += old_version[i];
    benchmark::DoNotOptimize(delta.data());
    old_version.swap(delta);
  }
  state.counters["rounds/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(floor_round);

// Few elements each of rows that lie anywhere in a table far larger than the caches, as hashed features do: each clock
// gets 2,000 of them together and increments them.
constexpr std::int64_t kNarrow = 9;
constexpr std::uint64_t kRowsOfTable = 300'000;
constexpr std::size_t kRowsOfClock = 2000;

std::vector<std::vector<bosen::RowId>> scattered_rows() {
  bosen::Random random(1);
  std::vector<std::vector<bosen::RowId>> clocks(300, std::vector<bosen::RowId>(kRowsOfClock));
  for (auto& rows : clocks) {
    for (bosen::RowId& row : rows) row = static_cast<bosen::RowId>(random.below(kRowsOfTable));
  }
  return clocks;
}

void count_rows(benchmark::State& state) {
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kRowsOfClock, benchmark::Counter::kIsRate);
}

void scattered_clock(benchmark::State& state) {
  const auto clocks = scattered_rows();
  with_worker(kNarrow, [&](bosen::Worker& worker, const bosen::Table<float>& table) {
    const std::vector<float> update(kNarrow, 1.0F);
    const auto run_clock = [&](const std::vector<bosen::RowId>& rows) {
      benchmark::DoNotOptimize(table.get(worker, rows).data());
      for (const bosen::RowId row : rows) table.inc(worker, row, std::span<const float>(update));
      worker.advance();
    };
    for (const auto& rows : clocks) run_clock(rows);
    std::size_t clock = 0;
    for (auto _ : state) run_clock(clocks[clock++ % clocks.size()]);
  });
  count_rows(state);
}
BENCHMARK(scattered_clock);

void floor_scattered_clock(benchmark::State& state) {
  const auto clocks = scattered_rows();
  std::vector<float> table(kRowsOfTable * kNarrow);
  std::size_t clock = 0;
  for (auto _ : state) {
    for (const bosen::RowId row : clocks[clock % clocks.size()]) {
      float* values = table.data() + row * kNarrow;
      for (std::int64_t i = 0; i < kNarrow; ++i) values[i] += 1.0F;
    }
    benchmark::ClobberMemory();
    ++clock;
  }
  count_rows(state);
}
BENCHMARK(floor_scattered_clock);

void memory_per_row(benchmark::State& state) {
  constexpr bosen::RowId kManyRows = 100'000;
  bosen::runtime::MachinePlatform platform;
  bosen::runtime::Process process({}, platform);
  bosen::JobReport report("bench", process.options(), platform, bosen::JobReport::Progress::kHidden);
  bosen::Cluster cluster(process, report);
  static_cast<void>(cluster.create_table<float>("rows", {.width = 4}));
  bosen::core::ClientTable* const handle = process.tables().front();
  cluster.run_workers([&](bosen::Worker& worker) {
    bosen::runtime::TableHandle table(process, *handle, 0);
    for (bosen::RowId row = 0; row < kManyRows; ++row) table.get(worker.context(), row);
  });
  for (auto _ : state) benchmark::DoNotOptimize(handle->cached_rows());
  const auto rows = static_cast<double>(handle->cached_rows());
  state.counters["bytes/row"] = static_cast<double>(handle->overhead_bytes()) / rows + sizeof(bosen::RowId);
}
BENCHMARK(memory_per_row)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
