#include "tests/support/sim_scenario.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "bosen/core/consistency_model.h"
#include "bosen/core/partition.h"
#include "tests/support/elements.h"

namespace bosen::testing {
namespace {

constexpr TimeNs kMicro = 1'000;
constexpr TimeNs kMilli = 1'000'000;

std::vector<ProcessShape> draw_processes(SimRandom& random) {
  std::vector<ProcessShape> processes(static_cast<std::size_t>(random.between(1, 4)));
  const int shards_max = random.pick({1, 1, 2, 4});
  for (ProcessShape& process : processes) {
    process.workers = random.below(3) + 1;
    process.shards = random.below(shards_max) + 1;
  }
  if (random.chance(0.35)) {  // dedicated servers, beside shards in some of the clients or instead of them
    const bool mixed = random.chance(0.3);
    for (ProcessShape& process : processes) {
      if (!mixed || random.chance(0.5)) process.shards = 0;
    }
    const int servers = random.below(2) + 1;
    for (int i = 0; i < servers; ++i) processes.push_back({.workers = 0, .shards = random.below(2) + 1});
  }
  return processes;
}

FaultPlan draw_faults(SimRandom& random) {
  FaultPlan faults;
  faults.transfer = random.pick({BlockTransfer::kCopies, BlockTransfer::kEncodes, BlockTransfer::kShares});
  faults.delay_ns_max = random.pick({20 * kMicro, 200 * kMicro, 5 * kMilli});
  faults.slow = random.pick({0.0, 0.0, 0.02});
  const std::size_t window_frames = random.pick({limits::kSendWindowFrames, std::size_t{4}, std::size_t{1}});
  if (random.chance(0.5)) {
    faults.window_frames = window_frames;
    return faults;
  }
  faults.reorder = random.chance(0.7);
  faults.loss = random.pick({0.0, 0.01, 0.1, 0.3});
  faults.duplicate = random.pick({0.0, 0.05, 0.3});
  faults.cut_every_ns = random.pick({TimeNs{0}, 5 * kMilli, 500 * kMilli});
  // Few frames at a time, many of them lost, would hardly come to an end.
  if (faults.loss < 0.1 && faults.cut_every_ns != 5 * kMilli) faults.window_frames = window_frames;
  return faults;
}

std::vector<RowId> draw_rows(SimRandom& random) {
  std::vector<RowId> rows(static_cast<std::size_t>(random.pick({1, 2, 5, 20, 50})));
  const int kind = random.below(3);
  std::iota(rows.begin(), rows.end(), random.pick({RowId{0}, RowId{-3}, RowId{1'000'000'007}}));
  if (kind == 1) {
    for (RowId& row : rows) row *= 4096;
  } else if (kind == 2) {
    for (RowId& row : rows) row = static_cast<RowId>(core::mix64(static_cast<std::uint64_t>(row)));
  }
  return rows;
}

TableScenario draw_table(SimRandom& random, int number, int workers) {
  TableScenario table;
  table.spec.name = "table" + std::to_string(number);
  table.spec.shape.kind = random.pick({RowKind::kDense, RowKind::kSparse});
  table.spec.shape.element =
      random.pick({ElementType::kFloat, ElementType::kDouble, ElementType::kInt32, ElementType::kInt64});
  if (table.spec.shape.kind == RowKind::kDense) table.spec.shape.width = workers + random.below(4);
  // Now and then rows of which only a few fit into a frame.
  if (table.spec.shape.kind == RowKind::kDense && random.chance(0.005)) table.spec.shape.width = 60'000;
  table.spec.consistency = random.pick({Consistency::kBsp, Consistency::kSsp, Consistency::kEssp, Consistency::kAsp});
  if (table.spec.consistency == Consistency::kSsp || table.spec.consistency == Consistency::kEssp) {
    table.spec.staleness = random.below(5);
  }
  const bool floating =
      table.spec.shape.element == ElementType::kFloat || table.spec.shape.element == ElementType::kDouble;
  if (floating && table.spec.shape.kind == RowKind::kDense && random.chance(0.2)) {
    table.spec.updater.name = "sgd";  // at rate one it subtracts what it is given
    table.spec.updater.learning_rate = 1;
  }
  table.spec.priority = random.pick({0, 0, 1, -1});
  table.cache_rows = random.chance(0.5) ? 0 : random.pick({1, 2, 3, 8, 25});
  table.rows = draw_rows(random);
  table.inc_chance = random.pick({1.0, 0.6, 0.2});
  table.read_chance = random.pick({1.0, 0.5, 0.1});
  table.early_advance_chance = random.pick({0.0, 0.0, 0.3});
  if (core::consistency_model(table.spec.consistency, 0).has_staleness()) {
    table.change_chance = random.pick({0.0, 0.0, 0.2});
  }
  return table;
}

}  // namespace

int Scenario::workers() const {
  return std::accumulate(processes.begin(), processes.end(), 0,
                         [](int sum, const ProcessShape& process) { return sum + process.workers; });
}

Scenario draw_scenario(std::uint64_t seed) {
  SimRandom random(core::mix64(seed));
  Scenario scenario;
  scenario.seed = seed;
  scenario.processes = draw_processes(random);
  scenario.faults = draw_faults(random);
  const int workers = scenario.workers();
  const int tables = random.pick({1, 1, 2, 3});
  for (int i = 0; i < tables; ++i) scenario.tables.push_back(draw_table(random, i, workers));
  const Clock clocks = random.between(2, random.pick({4, 12, 40}));
  const bool some_end_early = random.chance(0.3);
  for (int worker = 0; worker < workers; ++worker) {
    scenario.clocks.push_back(some_end_early ? random.between(1, clocks) : clocks);
    scenario.think_factors.push_back(random.chance(0.2) ? 20 : 1);
  }
  const Clock shortest = *std::min_element(scenario.clocks.begin(), scenario.clocks.end());
  if (random.chance(0.3)) {
    for (Clock clock = 1; clock <= shortest; ++clock) {
      if (random.chance(0.4)) scenario.barriers.push_back(clock);
    }
  }
  scenario.channel_capacity = random.below(4) + 1;
  scenario.messages_per_clock = random.chance(0.4) ? random.below(scenario.channel_capacity) + 1 : 0;
  scenario.channel_priority = random.pick({0, 2, -2});
  scenario.mail_delay_ns_max = random.pick({0 * kMicro, 50 * kMicro, 1 * kMilli});
  return scenario;
}

std::string describe(const Scenario& scenario) {
  std::ostringstream out;
  out << "processes (workers/shards):";
  for (const ProcessShape& process : scenario.processes) out << ' ' << process.workers << '/' << process.shards;
  for (const TableScenario& table : scenario.tables) {
    out << "; " << to_string(table.spec.consistency) << " s=" << table.spec.staleness
        << (table.spec.shape.kind == RowKind::kDense ? " dense " : " sparse ") << table.spec.shape.width << " type"
        << static_cast<int>(table.spec.shape.element) << ' ' << table.spec.updater.name << ", " << table.rows.size()
        << " rows";
    if (table.spec.priority != 0) out << ", priority " << table.spec.priority;
    if (table.cache_rows > 0) out << ", cache " << table.cache_rows;
    if (table.change_chance > 0) out << ", changing staleness";
  }
  out << "; clocks";
  for (const Clock clocks : scenario.clocks) out << ' ' << clocks;
  out << "; " << scenario.barriers.size() << " barriers; " << scenario.messages_per_clock << " messages a clock";
  static constexpr const char* kTransfers[] = {"copied", "encoded", "shared"};
  const FaultPlan& faults = scenario.faults;
  out << "; " << kTransfers[static_cast<int>(faults.transfer)] << " blocks; loss " << faults.loss << ", duplicates "
      << faults.duplicate << ", windows " << faults.window_frames << (faults.reorder ? ", reordering" : "")
      << (faults.cut_every_ns > 0 ? ", cuts" : "");
  return out.str();
}

Column column_of(const wire::RowShape& shape, WorkerId worker) {
  const auto column = static_cast<Column>(worker);
  return shape.kind == RowKind::kDense ? column : column * 1'000'003 + 17;
}

std::vector<std::int64_t> read_counts(const wire::TableSpec& spec, const std::byte* row, int workers,
                                      std::string& problem) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(workers), 0);
  const std::int64_t sign = spec.updater.name == "sgd" ? -1 : 1;
  const std::size_t element = spec.shape.element_bytes();
  const bool dense = spec.shape.kind == RowKind::kDense;
  const std::size_t size = dense ? static_cast<std::size_t>(spec.shape.width) : wire::SparseRecord::count(row);
  const std::byte* values = dense ? row : row + wire::SparseRecord::values_offset(size);
  const Column* columns = dense ? nullptr : wire::SparseRecord::columns(row);
  for (std::size_t i = 0; i < size; ++i) {
    const Column column = dense ? static_cast<Column>(i) : columns[i];
    if (!dense && i > 0 && columns[i] <= columns[i - 1]) problem = "columns are out of order";
    const std::int64_t value = sign * read_element(spec.shape.element, values + i * element);
    const std::uint32_t worker = dense ? column : (column - 17) / 1'000'003;
    if (worker < static_cast<std::uint32_t>(workers) &&
        column_of(spec.shape, static_cast<WorkerId>(worker)) == column) {
      counts[worker] = value;
    } else if (value != 0) {
      problem = "column " + std::to_string(column) + ", which nobody increments, is " + std::to_string(value);
    }
  }
  return counts;
}

}  // namespace bosen::testing
