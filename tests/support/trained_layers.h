#pragma once

// The layers of a net as wait-free backprop sees them: how long they compute and what they tell each other.

#include <cstddef>
#include <numeric>
#include <vector>

namespace bosen::testing {

/// One layer; what everybody has of its gradients is added up by a table, or everybody tells everybody.
struct TrainedLayer {
  double forward_ms = 0;
  double backward_ms = 0;
  std::size_t table_floats = 0;
  std::size_t factor_bytes = 0;
};

/// VGG19 at batch 32: convolutions by tables, fully connected layers by factors. Its forward and backward take
/// `compute_ms`, spread over the layers by their products; backward has twice as many.
inline std::vector<TrainedLayer> vgg19(double compute_ms) {
  struct Convolutions {
    int count, size;
    double channels_in, channels;
  };
  constexpr Convolutions kBlocks[] = {
      {2, 224, 3, 64}, {2, 112, 64, 128}, {4, 56, 128, 256}, {4, 28, 256, 512}, {4, 14, 512, 512}};
  constexpr double kConnected[][2] = {{25088, 4096}, {4096, 4096}, {4096, 1000}};
  constexpr double kBatch = 32;
  std::vector<TrainedLayer> layers;
  std::vector<double> products;
  for (const Convolutions& block : kBlocks) {
    double channels_in = block.channels_in;
    for (int i = 0; i < block.count; ++i) {
      const double weights = 9 * channels_in * block.channels;
      layers.push_back({.table_floats = static_cast<std::size_t>(weights + block.channels)});
      products.push_back(weights * block.size * block.size);
      channels_in = block.channels;
    }
  }
  for (const auto& [inputs, outputs] : kConnected) {
    layers.push_back({.factor_bytes = static_cast<std::size_t>(kBatch * (inputs + outputs) * sizeof(float))});
    products.push_back(inputs * outputs);
  }
  const double all = std::accumulate(products.begin(), products.end(), 0.0);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].forward_ms = compute_ms / 3 * products[i] / all;
    layers[i].backward_ms = 2 * layers[i].forward_ms;
  }
  return layers;
}

}  // namespace bosen::testing
