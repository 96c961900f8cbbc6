#pragma once

// What the workers of a process share while they train: made before they run, not changed by them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/cluster.h"
#include "bosen/folder_lock.h"
#include "bosen/interrupt_notice.h"
#include "poseidon/solver/data_feed.h"
#include "poseidon/solver/same_start.h"
#include "poseidon/solver/snapshot.h"
#include "poseidon/solver/solver_spec.h"
#include "poseidon/solver/train_settings.h"
#include "poseidon/sync/sync_plan.h"

namespace poseidon {

struct TrainingJob {
  /// Reads the files, opens the data and decides how layers travel. Every process makes the same. Throws bosen::Error.
  TrainingJob(bosen::Cluster& cluster, TrainSettings settings, BackendFactory& backends);

  /// Images that all workers together take for one update.
  [[nodiscard]] std::int64_t images_per_iteration() const { return batch * cluster.workers() * solver.iter_size; }

  bosen::Cluster& cluster;
  const TrainSettings settings;
  BackendFactory& backends;
  const SolverSpec solver;
  const NetSpec net;
  std::optional<Snapshot> snapshot;  ///< where training goes on
  std::uint64_t seed = 1;
  std::int64_t iterations = 0;                     ///< at which training ends
  std::string snapshots;                           ///< folder for them; empty: none
  std::unique_ptr<bosen::InterruptNotice> notice;  ///< of the first process, which writes them; worker 0's
  std::int64_t batch = 0;                          ///< images of one worker's batch
  std::unique_ptr<DataFeed> feed;
  std::unique_ptr<SyncPlan> plan;
  std::vector<StartValue> start;  ///< for expect_same_start; empty where there is one process
  bosen::Channel starts;          ///< the same
  bosen::Channel sums;            ///< for WorkerSums
  bosen::Channel statistics;      ///< for SharedStatistics

 private:
  void settle_start();
  /// On rank 0, which writes them, perhaps only after hours: whether they can be, and what is there already.
  void check_snapshots();
  /// What Ctrl-C says before there is a snapshot.
  [[nodiscard]] std::string interrupted_early() const;
  /// Says so where a batch of all workers has more images than there are.
  void tell_of_large_batch() const;
  void make_plan();
  [[nodiscard]] std::vector<StartValue> start_values() const;

  std::optional<bosen::FolderLock> snapshots_lock_;  ///< where they are not in --output, which has one
};

}  // namespace poseidon
