#pragma once

// Makes one layer's gradients those of all workers (or, with staleness, its parameters the common ones). One per layer
// with learned parameters and worker; used by its worker's thread.

#include <span>

#include "poseidon/sync/scheme.h"

namespace bosen {
class Worker;
}  // namespace bosen

namespace poseidon {

/// What `finish` leaves behind.
enum class Outcome {
  kGradients,   ///< the sum over all workers in the layer's gradients: the solver's update is still to be made
  kParameters,  ///< new values in the layer's parameters: the update is in them
};

class Synchronizer {
 public:
  virtual ~Synchronizer() = default;

  [[nodiscard]] virtual Scheme scheme() const = 0;

  /// Backward has just been asked for the layer's gradients; what it uses for that may soon be overwritten.
  virtual void gradient_ready() {}

  /// Whether `finish` alone makes the gradients, from `factors` of all workers: backward makes none.
  [[nodiscard]] virtual bool makes_gradients() const { return false; }
  /// What leaves then. After `await_fetch`.
  [[nodiscard]] virtual std::span<const float> factors() const { return {}; }

  /// Begins to bring what this worker has for the others to the host.
  virtual void fetch() = 0;
  /// Whether it is there, and what the other workers of the process have where they add up first; waits until it is.
  [[nodiscard]] virtual bool is_fetched() = 0;
  virtual void await_fetch() = 0;

  /// Hands it over, and waits for nobody. After `await_fetch`.
  virtual void start(bosen::Worker& worker) = 0;

  /// Waits until the parts of all workers are there, as the consistency model has it. In a later clock than `start`.
  virtual void await(bosen::Worker& worker) = 0;
  /// Takes them in. After `await`, in the same clock.
  virtual Outcome finish() = 0;
};

}  // namespace poseidon
