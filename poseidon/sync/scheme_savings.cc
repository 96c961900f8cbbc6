#include "poseidon/sync/scheme_savings.h"

#include <cstddef>
#include <utility>

namespace poseidon {

double iteration_seconds(const IterationModel& model, std::span<const LayerCost> net,
                         std::span<const SchemeAlternatives> layers) {
  std::vector<LayerCost> costs(net.begin(), net.end());
  for (const SchemeAlternatives& layer : layers) {
    LayerCost& cost = costs[static_cast<std::size_t>(layer.layer)];
    cost.bytes += layer.cost.bytes;
    cost.backward_s += layer.cost.backward_s;
    cost.send_s += layer.cost.send_s;
    cost.combine_s += layer.cost.combine_s;
  }
  return model.seconds(costs);
}

std::vector<double> seconds_saved(const IterationModel& model, std::span<const LayerCost> net,
                                  std::span<const SchemeAlternatives> layers) {
  const double now_s = iteration_seconds(model, net, layers);
  std::vector<SchemeAlternatives> changed(layers.begin(), layers.end());
  std::vector<double> saved;
  for (SchemeAlternatives& layer : changed) {
    if (!layer.other) {
      saved.push_back(0);
      continue;
    }
    std::swap(layer.cost, *layer.other);
    saved.push_back(now_s - iteration_seconds(model, net, changed));
    std::swap(layer.cost, *layer.other);
  }
  return saved;
}

}  // namespace poseidon
