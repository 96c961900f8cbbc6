#pragma once

// What an iteration would gain by another scheme of a layer, as measured layer times, bytes and bandwidth have it. The
// cost model's bytes alone (cost_model.h) say what is cheaper where the network bounds training; this also says whether
// it does.

#include <optional>
#include <span>
#include <vector>

#include "poseidon/sync/iteration_model.h"

namespace poseidon {

/// What a layer costs by one scheme.
struct SchemeCost {
  double bytes = 0;
  double backward_s = 0;  ///< which makes no gradient of parameters where factors travel
  double send_s = 0;
  double combine_s = 0;
};

/// A layer that learns.
struct SchemeAlternatives {
  int layer = 0;                    ///< where it stands in the net
  SchemeCost cost;                  ///< by the scheme that it has
  std::optional<SchemeCost> other;  ///< by the one that it might have instead
};

/// `net` has the times of forward and (as combine_s) of the update of every layer, and of backward where nothing is
/// learned.
[[nodiscard]] double iteration_seconds(const IterationModel& model, std::span<const LayerCost> net,
                                       std::span<const SchemeAlternatives> layers);

/// Of an iteration, if one layer had its other scheme: for each of `layers` by itself. Below 0 where that takes longer.
[[nodiscard]] std::vector<double> seconds_saved(const IterationModel& model, std::span<const LayerCost> net,
                                                std::span<const SchemeAlternatives> layers);

}  // namespace poseidon
