#pragma once

// A convolution and its gradients as cuDNN's graphs.

#include "poseidon/backend/cuda/convolver.h"
#include "poseidon/backend/cuda/nvidia/cudnn_graph.h"

namespace poseidon::cuda {

enum class ConvolutionPass {
  kForward,       ///< the convolution alone
  kFusedForward,  ///< with the problem's bias and ReLU
  kBackwardInput,
  kBackwardWeight
};

/// By which plans are told where the tensors are.
enum ConvolutionTensor : std::int64_t { kInput = 1, kWeight, kOutput, kBias };

/// Its descriptors stay with the graph that is made of them.
struct ConvolutionGraph {
  std::vector<CudnnDescriptor> parts;
  CudnnDescriptor graph;
};

[[nodiscard]] ConvolutionGraph make_convolution_graph(const ConvolutionProblem& problem, ConvolutionPass pass);

/// One line that says all that a plan depends on but the device and cuDNN's version.
[[nodiscard]] std::string key_of(const ConvolutionProblem& problem, ConvolutionPass pass, Precision precision);

}  // namespace poseidon::cuda
