#pragma once

// Convolutions of one shape. nvidia/ has them by cuDNN.

#include <memory>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/layout.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {

/// Images, weights and results of one order and element. Weights are outputs x (channels / groups) x height x width,
/// with kChannelsLast outputs x height x width x channels.
struct ConvolutionProblem {
  ConvolutionOptions options;
  Shape input, output, weight;
  Arrangement arrangement;
};

class Convolver {
 public:
  virtual ~Convolver() = default;
  /// Queued on the compute lane. `bias` may be null; it is row-major.
  virtual void forward(const void* input, const void* weight, const Tensor* bias, void* output) = 0;
  virtual void backward_input(const void* output_gradient, const void* weight, void* input_gradient) = 0;
  virtual void backward_weight(const void* input, const void* output_gradient, void* weight_gradient) = 0;
};

/// Chooses how; the first run may time some ways.
[[nodiscard]] std::unique_ptr<Convolver> make_convolver(const Context& context, const ConvolutionProblem& problem);

}  // namespace poseidon::cuda
