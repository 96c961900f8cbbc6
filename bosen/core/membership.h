#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::core {

/// Who takes part in a job; constant once it has started. Processes with workers have the ranks 0 .. clients - 1,
/// dedicated servers the ranks after them.
struct Membership {
  Rank rank = 0;             ///< of this process
  std::vector<int> workers;  ///< of each process that has workers
  std::vector<Rank> rank_of_shard;

  [[nodiscard]] int clients() const { return static_cast<int>(workers.size()); }
  [[nodiscard]] int shards() const { return static_cast<int>(rank_of_shard.size()); }
  [[nodiscard]] int worker_count() const { return std::accumulate(workers.begin(), workers.end(), 0); }
  /// The first worker of a process.
  [[nodiscard]] WorkerId first_worker(Rank client) const {
    return std::accumulate(workers.begin(), workers.begin() + client, 0);
  }
  [[nodiscard]] Rank rank_of_worker(WorkerId worker) const {
    Rank client = 0;
    while (worker >= workers[static_cast<std::size_t>(client)]) worker -= workers[static_cast<std::size_t>(client++)];
    return client;
  }
  [[nodiscard]] bool is_local(ShardId shard) const { return rank_of_shard[static_cast<std::size_t>(shard)] == rank; }
};

}  // namespace bosen::core
