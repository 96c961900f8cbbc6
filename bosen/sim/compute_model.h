#pragma once

#include <vector>

#include "bosen/sim/sim_spec.h"

namespace bosen::sim {

/// Draws how long workers compute. The answer depends on seed, worker, clock and time alone, not on who asked before.
class ComputeModel {
 public:
  explicit ComputeModel(const SimSpec& spec);

  /// How long the worker's computing of `clock` takes when it begins now.
  TimeNs time(int node, WorkerId worker, Clock clock, TimeNs now);

 private:
  [[nodiscard]] double base_ns(WorkerId worker, Clock clock) const;
  TimeNs with_pauses(int node, std::size_t rule, TimeNs begin, TimeNs duration);

  const SimSpec& spec_;
  std::vector<std::vector<std::vector<TimeNs>>> pauses_;  // beginnings so far, by straggler rule and node
};

}  // namespace bosen::sim
