#pragma once

// What a net is, without memory or a device: for `poseidon describe`, and for deciding how its layers are synchronised.

#include <cstdint>
#include <string>
#include <vector>

#include "poseidon/net_graph.h"

namespace poseidon {

struct LayerDescription {
  int layer = 0;  ///< its number in Net::layers()
  std::string name;
  std::string type;
  std::vector<Shape> inputs;
  std::vector<Shape> outputs;
  std::int64_t parameters = 0;          ///< learned elements
  std::vector<std::int64_t> exchanged;  ///< elements of each learned parameter that is not frozen
  std::int64_t forward_flops = 0;
  std::int64_t factor_inputs = 0;   ///< columns of the weight where its gradient has sufficient factors
  std::int64_t factor_outputs = 0;  ///< rows of it
  std::int64_t batch = 0;           ///< examples
};

struct NetDescription {
  std::string name;
  std::vector<LayerDescription> layers;
  std::int64_t parameters = 0;
  std::int64_t forward_flops = 0;
  std::int64_t memory_bytes = 0;  ///< activations, their gradients, parameters and theirs, without reuse
};

/// Throws as make_graph does.
NetDescription describe_net(const NetSpec& spec, const LayerContext& context);

}  // namespace poseidon
