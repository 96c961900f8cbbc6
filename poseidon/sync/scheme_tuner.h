#pragma once

// Finds out in the first iterations which scheme each layer should take, beginning with the cheaper one by bytes: times
// what the layers of all workers do, measures the bandwidth between processes, tries for a few iterations what these
// say may be faster, and keeps what is. Workers agree, as worker 0 decides. One a worker; used by its thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bosen/worker.h"
#include "poseidon/sync/iteration_model.h"
#include "poseidon/sync/scheme_savings.h"
#include "poseidon/sync/sync_plan.h"
#include "poseidon/sync/timeline.h"

namespace poseidon {

class SchemeTuner {
 public:
  struct Options {
    IterationModel model;      ///< all but the bandwidth
    std::vector<int> numbers;  ///< of each of the plan's layers: where it stands in the net
    int layers = 0;            ///< of the net
  };

  /// The plan outlives it, and may change.
  SchemeTuner(const SyncPlan& plan, Options options);

  /// What the worker did. Events of layers come from the device where it is that which computes.
  void add(const Timeline::Event& event);
  /// An iteration, counted from 0, has ended, at that time of a steady clock.
  void end_iteration(std::int64_t iteration, std::int64_t now_ns);

  /// Whether enough is measured for `decide`.
  [[nodiscard]] bool is_due() const;
  /// Every worker takes part, after the same iteration. Returns how each of the plan's layers travels from now on.
  std::vector<Scheme> decide(bosen::Worker& worker);
  [[nodiscard]] bool is_settled() const { return stage_ == Stage::kSettled; }

  /// Once settled, at worker 0: what was found, in a line.
  [[nodiscard]] const std::string& conclusion() const { return conclusion_; }

 private:
  enum class Stage { kFirst, kTrial, kSettled };
  /// What is measured: of the layer where it stands in the net, and of a scheme where the activity depends on it.
  using Key = std::tuple<Timeline::Activity, int, Scheme>;
  using Measures = std::map<Key, double>;

  [[nodiscard]] std::int64_t measured_from() const;
  [[nodiscard]] std::vector<Key> keys() const;
  /// At worker 0: the mean over all workers of their medians.
  [[nodiscard]] Measures gather(bosen::Worker& worker) const;
  void broadcast(bosen::Worker& worker);

  // At worker 0.
  void choose(const Measures& measured);
  /// What each layer saves by its other scheme.
  [[nodiscard]] std::vector<double> savings(const Measures& measured) const;
  /// Takes the other scheme from layers on trial that save nothing by it, and of the others leaves it to at most so
  /// many that save most.
  void withdraw(const std::vector<double>& saved, std::size_t most);
  /// Layers of the plan that have their other scheme.
  [[nodiscard]] std::vector<std::size_t> on_trial() const;
  void conclude();

  const SyncPlan& plan_;
  Options options_;
  const std::vector<Scheme> first_;  ///< schemes, by bytes
  std::vector<Scheme> schemes_;      ///< that layers have now
  std::vector<int> index_;           ///< of the net's layers into the plan's, or -1
  Stage stage_ = Stage::kFirst;
  std::int64_t begin_ = 0;      ///< of the stage: an iteration
  std::int64_t iteration_ = 0;  ///< the next
  std::int64_t ended_ns_ = 0;   ///< the last
  std::map<Key, std::vector<double>> samples_;
  double first_s_ = 0;  ///< an iteration with the first schemes
  double best_s_ = 0;   ///< with
  std::vector<Scheme> best_;
  std::string conclusion_;
};

}  // namespace poseidon
