#pragma once

#include "bosen/sim/node_pace.h"
#include "bosen/sim/sim_spec.h"

namespace bosen::sim {

/// Draws how long workers compute. The answer depends on seed, worker, clock and time alone, not on who asked before.
class ComputeModel {
 public:
  explicit ComputeModel(const SimSpec& spec) : spec_(spec), pace_(spec) {}

  /// How long the worker's computing of `clock` takes when it begins now.
  TimeNs time(int node, WorkerId worker, Clock clock, TimeNs now);

 private:
  [[nodiscard]] double base_ns(int node, WorkerId worker, Clock clock) const;

  const SimSpec& spec_;
  NodePace pace_;
};

}  // namespace bosen::sim
