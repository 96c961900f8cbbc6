#pragma once

// A net's layers and how their blobs connect, with all shapes, before there is memory or a device. Checks the whole
// net.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "poseidon/layer.h"
#include "poseidon/layers/registry.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// What a layer writes and at most one layer reads. A top that is also a bottom (in place) is a blob of its own.
struct GraphBlob {
  std::string name;
  Shape shape;
  int writer = -1;              ///< index of a layer
  int reader = -1;              ///< -1: nobody
  bool needs_gradient = false;  ///< the net learns before it
  bool reaches_loss = false;    ///< and a loss comes after it
};

struct GraphLayer {
  std::unique_ptr<Layer> layer;
  std::string type;
  std::vector<int> inputs;  ///< indices of blobs
  std::vector<int> outputs;
  bool runs_backward = false;
};

/// Reads like a value; owned by whoever made it.
struct NetGraph {
  std::string name;
  std::vector<GraphLayer> layers;  ///< in the order of the file, splits where an output has several readers
  std::vector<GraphBlob> blobs;

  /// Learned elements.
  [[nodiscard]] std::int64_t parameter_count() const;
};

/// Throws bosen::Error(kConfiguration) with file:line:column and the layer's name.
NetGraph make_graph(const NetSpec& spec, const LayerContext& context);

}  // namespace poseidon
