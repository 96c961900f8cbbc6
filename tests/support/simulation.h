#pragma once

// Runs a scenario to its end in virtual time, in an order of events drawn from its seed, and says what went wrong.

#include <cstdint>
#include <ostream>
#include <string>

#include "tests/support/sim_scenario.h"

namespace bosen::testing {

struct SimResult {
  std::string problem;  ///< empty: every read was allowed, everybody came to the end, and no update was lost
  std::uint64_t trace_hash = 0;
  std::int64_t events = 0;
  std::int64_t reads = 0;
  std::int64_t misses = 0;
  std::int64_t messages = 0;  ///< over channels
  std::int64_t saved = 0;     ///< rows in checkpoints
  SimNetwork::Counts network;
};

/// `trace`, where given, gets a line for every event.
SimResult simulate(const Scenario& scenario, std::ostream* trace = nullptr);

}  // namespace bosen::testing
