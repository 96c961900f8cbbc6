#include "poseidon/sync/iteration_model.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace poseidon {

double IterationModel::seconds(std::span<const LayerCost> layers) const {
  double computing = 0;  // where the worker, or its device, is
  double sending = 0;    // where who hands over is
  double network = 0;
  std::vector<double> arrival(layers.size());
  const auto send = [&](std::size_t layer) {
    const LayerCost& cost = layers[layer];
    double& sender = sends_beside ? sending : computing;
    sender = std::max(sender, computing) + cost.send_s;
    network = std::max(network, sender) + cost.bytes / bytes_per_second;
    arrival[layer] = network;
  };
  for (std::size_t layer = layers.size(); layer-- > 0;) {
    computing += layers[layer].backward_s;
    if (overlap) send(layer);
  }
  for (std::size_t layer = overlap ? 0 : layers.size(); layer-- > 0;) send(layer);
  if (!overlap || waits_for_all) computing = std::max(computing, network);
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const LayerCost& cost = layers[layer];
    if (cost.bytes > 0) computing = std::max(computing, arrival[layer]);
    computing += cost.combine_s + cost.forward_s;
  }
  return computing;
}

}  // namespace poseidon
