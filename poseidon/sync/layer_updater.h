#pragma once

// What synchronisation needs from a solver: the update of one layer.

#include <span>

namespace poseidon {

/// Used by its worker's thread. Layers are counted as Net::layers() has them.
class LayerUpdater {
 public:
  virtual ~LayerUpdater() = default;

  /// The gradients of a layer have been computed by this worker and not been sent yet: they may be looked at, changed
  /// or refused by throwing.
  virtual void gradient_ready(int layer) = 0;

  /// Changes the parameters of one layer by its gradients, each multiplied by `gradient_factor` first. Called once for
  /// each layer with learned parameters in every iteration.
  virtual void update(int layer, double gradient_factor) = 0;

  /// Whether updates need the gradients of all layers first (clipping by the global norm). Then `prepare` is called
  /// before the first `update` of an iteration.
  [[nodiscard]] virtual bool needs_all_gradients() const = 0;
  virtual void prepare(std::span<const int> layers, double gradient_factor) = 0;

  /// Every layer has been updated (and, with staleness, the common parameters are in place): the next iteration begins.
  virtual void end_iteration() = 0;
};

}  // namespace poseidon
