#pragma once

// What a simulated job is like, drawn from a seed.

#include <cstdint>
#include <string>
#include <vector>

#include "bosen/wire/messages.h"
#include "tests/support/sim_cluster.h"
#include "tests/support/sim_network.h"

namespace bosen::testing {

struct TableScenario {
  wire::TableSpec spec;
  std::int64_t cache_rows = 0;
  std::vector<RowId> rows;
  double inc_chance = 1;     ///< that a worker increments a row in a clock
  double read_chance = 0.5;  ///< that a worker reads a row in a clock
  double early_advance_chance = 0;
  double change_chance = 0;  ///< that a worker changes the staleness in its process when it advances
};

struct Scenario {
  std::uint64_t seed = 0;
  std::vector<ProcessShape> processes;
  std::vector<TableScenario> tables;
  std::vector<Clock> clocks;          ///< how many each worker runs
  std::vector<Clock> barriers;        ///< clocks at which all workers meet
  std::vector<double> think_factors;  ///< how slow each worker is
  int messages_per_clock = 0;         ///< that each worker sends to the next one over a channel
  int channel_capacity = 4;
  std::int32_t channel_priority = 0;
  TimeNs mail_delay_ns_max = 50'000;  ///< how long mail inside a process may wait
  FaultPlan faults;

  [[nodiscard]] int workers() const;
};

Scenario draw_scenario(std::uint64_t seed);

/// The scenario in one line for people.
std::string describe(const Scenario& scenario);

/// The column of a row that a worker increments.
Column column_of(const wire::RowShape& shape, WorkerId worker);

/// How much of each worker a row shows; `problem` says what can't be.
std::vector<std::int64_t> read_counts(const wire::TableSpec& spec, const std::byte* row, int workers,
                                      std::string& problem);

}  // namespace bosen::testing
