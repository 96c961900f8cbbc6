#pragma once

// A learned tensor of a layer, and how its first values are drawn.

#include <cstdint>
#include <string>

#include "poseidon/tensor.h"

namespace poseidon {

/// How a parameter is filled before training. Fans as Caffe counts them: fan_in is count / extent(0), fan_out is
/// count / extent(1).
struct Filler {
  enum class Type { kConstant, kGaussian, kUniform, kXavier, kMsra };
  enum class Variance { kFanIn, kFanOut, kAverage };

  Type type = Type::kConstant;
  double value = 0;                      ///< constant
  double mean = 0;                       ///< gaussian
  double std = 1;                        ///< gaussian
  double minimum = 0;                    ///< uniform
  double maximum = 1;                    ///< uniform
  Variance variance = Variance::kFanIn;  ///< xavier (Glorot & Bengio 2010) and msra (He et al. 2015)
};

/// One of a layer's learned tensors. The layer owns it; the net gives it memory; synchronizers and the solver change it
/// between a backward and the next forward of the layer.
struct Parameter {
  std::string name;  ///< "weight", "bias", ...: "LAYER.NAME" in snapshots
  Shape shape;
  Filler filler = {};
  double rate_factor = 1;   ///< of the learning rate (Caffe's lr_mult); 0: frozen
  double decay_factor = 1;  ///< of the weight decay (Caffe's decay_mult)
  bool learned = true;      ///< false: a statistic that forward keeps (running means), neither synchronised nor decayed

  Tensor value = {};     ///< row-major
  Tensor gradient = {};  ///< row-major, overwritten by every backward; empty where not learned or frozen
};

}  // namespace poseidon
