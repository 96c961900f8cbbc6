#pragma once

// One worker's training from start to end: batches, passes, tests, reports, snapshots. Used by its worker's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/worker.h"
#include "poseidon/net.h"
#include "poseidon/solver/evaluation.h"
#include "poseidon/solver/loss_window.h"
#include "poseidon/solver/parameter_updater.h"
#include "poseidon/solver/shared_statistics.h"
#include "poseidon/solver/training_job.h"
#include "poseidon/solver/worker_sums.h"
#include "poseidon/sync/wait_free_backprop.h"

namespace poseidon {

/// How a layer's gradients have travelled.
struct Travelled {
  Scheme scheme = Scheme::kNone;     ///< at the end
  std::int64_t predicted_bytes = 0;  ///< of all iterations, by the cost model
};

/// What a worker leaves behind.
struct WorkerResult {
  std::string snapshot;           ///< path of the last; worker 0's
  double images_per_second = 0;   ///< of all workers, tests left out; worker 0's
  std::int64_t iterations = 0;    ///< made in this run
  std::int64_t skipped_last = 0;  ///< of these, the last ones that changed nothing
  std::optional<Timeline> timeline;
  std::vector<Travelled> layers;  ///< in the plan's order
};

class WorkerTraining {
 public:
  /// Makes backend, nets and solver, and loads weights or the snapshot. Throws bosen::Error.
  WorkerTraining(const TrainingJob& job, bosen::Worker& worker);

  /// Trains to the end.
  WorkerResult run();

 private:
  /// Numbers of a stretch of iterations, measured by this worker.
  struct Stretch {
    std::int64_t iterations = 0;
    double seconds = 0;
    double data_wait_s = 0;
    double network_wait_s = 0;

    void operator+=(const Stretch& other) {
      iterations += other.iterations;
      seconds += other.seconds;
      data_wait_s += other.data_wait_s;
      network_wait_s += other.network_wait_s;
    }
  };
  /// What a forward changes by itself, and how it was before: a loss that is not finite must not stay in it.
  struct Statistic {
    Tensor* value = nullptr;
    Tensor copy;
  };
  enum class Topic { kTraining, kTest, kSnapshot };

  void load();
  void step();
  double pass(bool last);
  /// Where a loss that is no number began can be found until backward writes over it.
  enum class Activations { kThere, kOverwritten };
  void check_loss(double loss, Activations activations);
  void check_statistics();
  /// Every worker takes part; all updates are in place.
  void test();
  void contribute_training();
  /// For a snapshot, which worker 0 writes: every worker's losses that are averaged, where there are more than the
  /// last. Worker 0 waits for them.
  void contribute_losses();
  void report_ready(bool wait);
  void report_training(std::int64_t iteration, const std::vector<double>& values);
  void report_test(std::int64_t iteration, const std::vector<double>& values);
  [[nodiscard]] double images_per_second(const Stretch& stretch) const;
  [[nodiscard]] bool test_is_due() const;
  void keep_losses(const std::vector<double>& values);
  /// Every worker takes part and worker 0 writes; all updates are in place.
  void write_snapshot_here();
  void write_snapshot_on_the_way();
  void write_last_snapshot();
  [[nodiscard]] TrainingState state() const;
  [[nodiscard]] static std::unique_ptr<BatchSource> open_source(const TrainingJob& job, const bosen::Worker& worker);

  const TrainingJob& job_;
  bosen::Worker& worker_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BatchSource> source_;
  Net net_;
  ParameterUpdater updater_;
  WorkerSums sums_;
  SharedStatistics shared_statistics_;
  std::function<void(const std::string&)> warn_;
  std::optional<Timeline> timeline_;
  std::unique_ptr<WaitFreeBackprop> sync_;
  std::unique_ptr<Evaluation> evaluation_;  ///< nullptr where there is nothing to test with

  std::vector<Statistic> statistics_;  ///< empty where training stops anyway
  std::unique_ptr<SquareSumsOperation> statistics_sums_;

  std::int64_t iteration_ = 0;  ///< updates begun
  std::int64_t examples_ = 0;   ///< that all workers together have read
  LossWindow losses_;
  std::vector<std::vector<double>> losses_of_all_;  ///< worker 0's: as they were at the last contribution
  Stretch since_report_;
  Stretch all_;
  WorkerResult result_;
};

}  // namespace poseidon
