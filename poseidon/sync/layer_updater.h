#pragma once

// What synchronisation needs from a solver: the update of one layer.

#include <span>

namespace poseidon {

/// Used by its worker's thread. Layers are counted as Net::layers() has them.
class LayerUpdater {
 public:
  virtual ~LayerUpdater() = default;

  /// Backward has been asked for the gradients of some layers, or of all, which have not been sent yet: they may be
  /// changed, and looked at.
  virtual void gradients_ready(std::span<const int> layers) = 0;

  /// Before they leave the process: waits for what `gradients_ready` has begun. They may be refused by throwing.
  virtual void check(int layer) = 0;
  /// Whether `check` need not wait.
  [[nodiscard]] virtual bool can_check(int layer) = 0;

  /// Instead of `gradients_ready` and `check` where not gradients are sent but their factors. They may be refused by
  /// throwing.
  virtual void check_factors(int layer, std::span<const float> factors) = 0;

  /// Changes the parameters of some layers by their gradients, each multiplied by `gradient_factor` first. Each layer
  /// with learned parameters has its turn once in every iteration.
  virtual void update(std::span<const int> layers, double gradient_factor) = 0;

  /// Whether updates need the gradients of all layers first (clipping by the global norm). Then `prepare` is called
  /// before the first `update` of an iteration.
  [[nodiscard]] virtual bool needs_all_gradients() const = 0;
  virtual void prepare(std::span<const int> layers, double gradient_factor) = 0;

  /// Every layer has been updated (and, with staleness, the common parameters are in place): the next iteration begins.
  virtual void end_iteration() = 0;
};

}  // namespace poseidon
