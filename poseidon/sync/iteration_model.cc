#include "poseidon/sync/iteration_model.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <vector>

namespace poseidon {
namespace {

struct Departure {
  std::size_t layer = 0;
  double begin_s = 0;
  double takes_s = 0;
};

/// When layers have arrived over a network that always carries the lowest of those that have left; `departures` ascend
/// in time.
std::vector<double> arrivals(std::span<const Departure> departures, std::size_t layers) {
  std::vector<double> arrival(layers);
  std::map<std::size_t, double> left;  // seconds, by layer
  double now = 0;
  const auto carry_until = [&](double end) {
    while (!left.empty() && now < end) {
      const auto lowest = left.begin();
      const double step = std::min(lowest->second, end - now);
      now += step;
      lowest->second -= step;
      if (lowest->second > 0) return;
      arrival[lowest->first] = now;
      left.erase(lowest);
    }
  };
  for (const Departure& departure : departures) {
    carry_until(departure.begin_s);
    now = std::max(now, departure.begin_s);
    left[departure.layer] = departure.takes_s;
  }
  carry_until(std::numeric_limits<double>::infinity());
  return arrival;
}

}  // namespace

double IterationModel::seconds(std::span<const LayerCost> layers) const {
  double computing = 0;  // where the worker, or its device, is
  double sending = 0;    // where who hands over is
  std::vector<Departure> departures;
  const auto send = [&](std::size_t layer) {
    const LayerCost& cost = layers[layer];
    double& sender = sends_beside ? sending : computing;
    sender = std::max(sender, computing) + cost.send_s;
    departures.push_back({layer, sender, cost.bytes / bytes_per_second});
  };
  for (std::size_t layer = layers.size(); layer-- > 0;) {
    computing += layers[layer].backward_s;
    if (overlap) send(layer);
  }
  for (std::size_t layer = overlap ? 0 : layers.size(); layer-- > 0;) send(layer);
  const std::vector<double> arrival = arrivals(departures, layers.size());
  if (!overlap || waits_for_all) {
    for (const double arrived : arrival) computing = std::max(computing, arrived);
  }
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const LayerCost& cost = layers[layer];
    if (cost.bytes > 0) computing = std::max(computing, arrival[layer]);
    computing += cost.combine_s + cost.forward_s;
  }
  return computing;
}

}  // namespace poseidon
