#pragma once

// Which rank runs where. Pure.

#include <string>
#include <vector>

#include "bosen/base/types.h"
#include "bosen/launch/hostfile.h"

namespace bosen::launch {

/// Where one rank runs.
struct RankPlace {
  Rank rank = 0;
  std::size_t host = 0;  ///< index in the plan's hosts
  int local_rank = 0;
  int local_size = 1;
};

struct JobPlan {
  std::vector<Host> hosts;       ///< those that run something; empty name: this host, when no hosts were given
  std::vector<RankPlace> ranks;  ///< by rank: workers first, dedicated servers last
  int servers = 0;
};

struct JobSize {
  int workers = 0;  ///< processes with workers; 0: as many as the hosts have slots, less the servers
  int servers = 0;  ///< dedicated server processes
};

/// Fills the hosts' slots in their order. `hosts` empty: everything runs here. Throws Error(kUsage) where the processes
/// do not fit.
JobPlan plan_job(JobSize size, const std::vector<Host>& hosts);

}  // namespace bosen::launch
