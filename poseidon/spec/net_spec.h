#pragma once

// A net as its YAML file says it, before any layer is made: Caffe's keys, a line of prototxt a line of YAML.
//
//     name: LeNet
//     layer:
//       - {name: conv1, type: Convolution, bottom: data, top: conv1, param: [{lr_mult: 1}, {lr_mult: 2}],
//          convolution_param: {num_output: 20, kernel_size: 5, weight_filler: {type: xavier}}}

#include <memory>
#include <string>
#include <vector>

#include "poseidon/spec/node.h"

namespace poseidon {

struct ParameterSpec {
  std::string name;
  double rate_factor = 1;   ///< lr_mult
  double decay_factor = 1;  ///< decay_mult
};

struct LayerSpec {
  std::string name;
  std::string type;
  std::vector<std::string> bottoms;
  std::vector<std::string> tops;
  std::vector<ParameterSpec> parameters;
  std::vector<double> loss_weights;
  bool in_train = true;  ///< by include and exclude rules
  bool in_test = true;
  std::shared_ptr<const LayerSpec> scale = nullptr;  ///< of a BatchNorm: the Scale layer folded into it
  bool relu = false;                                 ///< a ReLU layer that follows is folded into it
  Node node;  ///< the whole layer, from which the layer reads its own keys (convolution_param, ...)
};

struct NetSpec {
  std::string file;
  std::string name;
  std::vector<LayerSpec> layers;
};

/// Throws bosen::Error(kConfiguration): file:line:column, key, and what is wrong with it.
NetSpec read_net_spec(const std::string& path);
NetSpec parse_net_spec(const std::string& text, const std::string& file);
NetSpec parse_net_spec(const Node& root, const std::string& file);

}  // namespace poseidon
