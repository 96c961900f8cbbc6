#pragma once

// A whole cluster in one thread: every node runs the app's own code on fibres, in virtual time, over a simulated
// network. The same specification and seed give the same run.
//
// Everything that the app's code shares between nodes is shared by all of them here, so it must not change while they
// run. A worker that holds a lock of its own while it waits for a table stops the whole cluster.

#include <cstdint>
#include <functional>

#include "bosen/runtime/platform.h"
#include "bosen/sim/sim_spec.h"

namespace bosen::sim {

/// What happened in all.
struct SimResult {
  TimeNs time = 0;  ///< virtual
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;  ///< frames
};

/// What a node runs, from joining the job to leaving it. It may throw.
using NodeMain = std::function<void(Rank rank, runtime::Platform& platform)>;

/// Runs `main` once a node, until all have returned. Throws what the first one threw that did; Error(kTimeout) where
/// nobody can go on or the specification's time limit has passed.
SimResult run_cluster(const SimSpec& spec, const NodeMain& main);

}  // namespace bosen::sim
