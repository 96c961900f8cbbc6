#pragma once

// Changes a net's parameters by their gradients: Caffe's solvers, one layer at a time. Owns what a solver remembers of
// each parameter. Used by its worker's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "poseidon/layer.h"
#include "poseidon/solver/learning_rate.h"
#include "poseidon/solver/nonfinite.h"
#include "poseidon/solver/weights.h"
#include "poseidon/sync/layer_updater.h"

namespace poseidon {

class ParameterUpdater final : public LayerUpdater {
 public:
  struct Options {
    UpdateRule rule = {};
    LearningRatePolicy rate = {};
    double weight_decay = 0;
    double clip_gradients = 0;  ///< largest L2 norm of all gradients together; 0: any
    std::int64_t iter_size = 1;
    NonfinitePolicy on_nonfinite = NonfinitePolicy::kStop;
    int worker = 0;                                     ///< for messages
    std::function<void(const std::string&)> warn = {};  ///< told what was skipped or clipped; may be empty
  };

  /// Layers with memory; they and the backend have to outlive it.
  ParameterUpdater(std::span<const std::unique_ptr<Layer>> layers, Backend& backend, Options options);

  /// Takes in the gradients that a backward has left, for one update of several batches (iter_size). They join those of
  /// the last batch at their `gradients_ready`.
  void accumulate();

  void gradients_ready(std::span<const int> layers) override;
  /// Throws bosen::Error(kUsage) where a gradient is not finite and the policy is to stop. Has been called already
  /// where the device has nothing to wait for.
  void check(int layer) override;
  [[nodiscard]] bool can_check(int layer) override;
  void check_factors(int layer, std::span<const float> factors) override;
  void update(std::span<const int> layers, double gradient_factor) override;
  [[nodiscard]] bool needs_all_gradients() const override;
  /// Scales by the global norm as Caffe does: of the sum over iter_size batches, before weight decay.
  void prepare(std::span<const int> layers, double gradient_factor) override;
  void end_iteration() override;

  /// Whether the layer has parameters that learn.
  [[nodiscard]] bool learns(int layer) const { return !layers_[static_cast<std::size_t>(layer)].parameters.empty(); }
  /// Updates made so far, skipped ones included.
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  void set_iteration(std::int64_t iteration) { iteration_ = iteration; }
  [[nodiscard]] double rate() const { return learning_rate(options_.rate, iteration_); }
  /// Iterations that were skipped because of numbers that are not finite.
  [[nodiscard]] std::int64_t skipped() const { return skipped_; }
  /// Of those, the last ones: how many there were since an iteration that was not skipped.
  [[nodiscard]] std::int64_t skipped_last() const { return skipped_last_; }

  /// "LAYER.NAME.historyK" of every learned parameter, for snapshots.
  [[nodiscard]] std::vector<NamedTensor> history();

 private:
  /// A learned parameter and what belongs to it.
  struct Learned {
    Parameter* parameter = nullptr;
    std::vector<Tensor> history;
    Tensor sum;  ///< of the gradients of earlier batches; empty where iter_size is 1
  };
  struct LearnedLayer {
    std::string name;
    std::vector<Learned> parameters;
    std::size_t first = 0;  ///< of them, those of all layers counted through
    /// Of the gradients' squares; made when first asked for.
    std::unique_ptr<SquareSumsOperation> sums;
    bool summed_with_all = false;  ///< last time
    bool unchecked = false;
  };

  [[nodiscard]] TrainingPlace place(const std::string& layer) const;
  void warn(const std::string& text) const;
  /// By the policy: throws, or warns once an iteration.
  void refuse(const LearnedLayer& layer, const std::string& what);
  void add_targets(LearnedLayer& layer, double gradient_factor);
  [[nodiscard]] std::unique_ptr<SquareSumsOperation> sums_of(std::span<const LearnedLayer> layers);
  /// All at once where they are all: a device likes that better.
  void begin_sums(std::span<const int> layers);
  [[nodiscard]] SquareSumsOperation& sums_begun(const LearnedLayer& layer);
  /// One a parameter; waits.
  [[nodiscard]] std::span<const double> await_sums(const LearnedLayer& layer);
  [[nodiscard]] LearnedLayer& layer_at(int layer) { return layers_[static_cast<std::size_t>(layer)]; }

  Backend& backend_;
  const Options options_;
  std::vector<LearnedLayer> layers_;  ///< as the net has them
  std::size_t learned_layers_ = 0;    ///< those of them that have parameters
  std::unique_ptr<SquareSumsOperation> all_sums_;
  std::vector<UpdateTarget> targets_;
  std::int64_t iteration_ = 0;
  std::int64_t skipped_ = 0;
  std::int64_t skipped_last_ = 0;
  std::int64_t warned_ = -1;  ///< the last iteration of which a gradient was warned of
  // Of the iteration, settled by `prepare`.
  double clip_factor_ = 1;
  bool skip_ = false;
};

}  // namespace poseidon
