#pragma once

// One step of a net: tensors in, tensors out, and back. A layer knows nothing of devices (it asks its Backend for
// operations), of bosen, or of the net around it.
//
// Life: made from its LayerSpec; `infer` (shapes only, so that a net can be described and checked without memory);
// `set_up` (asks the backend for its operations, and settles how its outputs are arranged); then forward and backward
// as often as the net likes. Used by one thread.
//
// Adding a layer: one file in layers/, one test, one line in layers/registry.cc.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/parameter.h"
#include "poseidon/tensor.h"

namespace poseidon {

enum class Phase { kTrain, kTest };

/// A tensor between layers and the gradient of the loss by it.
struct Blob {
  std::string name;
  Tensor value;
  Tensor gradient;              ///< arranged as the value; empty where nobody needs it
  bool needs_gradient = false;  ///< whether anything that learns lies before it
};

/// What `set_up` gets to know and settles.
struct LayerSetup {
  Backend& backend;
  Phase phase = Phase::kTrain;
  std::uint64_t seed = 1;
  std::vector<TensorDescription> inputs;
  std::vector<bool> input_needs_gradient;
  std::vector<TensorDescription> outputs;  ///< filled in by set_up; shapes as `infer` said
};

/// Tensors of one call. Pointers are as many as the layer has inputs and outputs.
struct LayerIo {
  std::span<Blob* const> inputs;
  std::span<Blob* const> outputs;
  std::int64_t iteration = 0;  ///< of the net; what is random depends on it, and on nothing that came before
};

/// Factors of a weight gradient: the sum over the batch of output_gradient[k] (x) input[k] (Xie et al., UAI'16).
struct SufficientFactors {
  const Tensor* input = nullptr;            ///< batch x in, row-major
  const Tensor* output_gradient = nullptr;  ///< batch x out, row-major
};

class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::vector<Parameter>& parameters() { return parameters_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

  /// Shapes of the outputs for these inputs; fills parameters() with names, shapes and fillers. Throws
  /// bosen::Error(kConfiguration) with the reason alone ("takes one input, not 2"): the net adds where.
  virtual std::vector<Shape> infer(std::span<const Shape> inputs) = 0;

  /// Makes the backend's operations; after `infer`. Fills setup.outputs.
  virtual void set_up(LayerSetup& setup) = 0;

  /// Computes the outputs' values.
  virtual void forward(const LayerIo& io) = 0;

  /// The device has been asked for a whole forward of the net: time to get ready for the next.
  virtual void forward_asked() {}

  /// Of a loss: throws bosen::Error where something was wrong with the last forward that a device finds only when it
  /// computes. Its output has been waited for.
  virtual void check() const {}

  /// Computes gradients of inputs that need one, and of parameters, from those of the outputs; overwrites, never adds.
  virtual void backward(const LayerIo& io) = 0;

  /// Whether forward and backward ask the device for the same in every iteration, and wait for nothing.
  [[nodiscard]] virtual bool repeats() const { return true; }

  /// Multiplications and additions of one forward, each counted as one.
  [[nodiscard]] virtual std::int64_t forward_flops() const { return 0; }

  /// Whether an output may lie in the memory of the first input (ReLU, dropout).
  [[nodiscard]] virtual bool works_in_place() const { return false; }

  /// Whether backward reads the outputs' values, so that nobody may overwrite them before.
  [[nodiscard]] virtual bool needs_output() const { return false; }

  /// Whether every output is the input itself (split), so that they have its memory.
  [[nodiscard]] virtual bool shares_input() const { return false; }

  /// Whether output 0 is a loss.
  [[nodiscard]] virtual bool is_loss() const { return false; }

  /// Its weight in the net's loss; 0 where the layer is no loss, or one that is only watched.
  [[nodiscard]] virtual double loss_weight() const { return 0; }

  /// Whether outputs are measures for people (accuracy), which nothing has to read.
  [[nodiscard]] virtual bool is_measure() const { return false; }

  /// Where parameters()[0].gradient is a sum of outer products: its factors of the last backward, valid until the next
  /// forward.
  [[nodiscard]] virtual std::optional<SufficientFactors> sufficient_factors() const { return std::nullopt; }

  /// Whether it will have them, which is known after `infer`. Then parameters()[0] is out x in.
  [[nodiscard]] virtual bool has_sufficient_factors() const { return false; }

  /// Where there are: whether somebody else makes the gradients of its parameters from them, so that backward need not.
  void leave_parameter_gradients(bool left) { parameter_gradients_left_ = left; }

 protected:
  [[nodiscard]] bool parameter_gradients_left() const { return parameter_gradients_left_; }

  std::vector<Parameter> parameters_;

 private:
  std::string name_;
  bool parameter_gradients_left_ = false;
};

}  // namespace poseidon
