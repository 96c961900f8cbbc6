#pragma once

// How long an iteration takes whose gradients travel while backward goes on and whose results are awaited layer by
// layer by the next forward (wait-free backpropagation; Zhang et al., USENIX ATC'17, section 3.1). The network always
// carries the lowest of the layers that have left (Jayarajan et al., SysML 2019).

#include <span>

namespace poseidon {

/// One layer of a net, those that learn nothing included.
struct LayerCost {
  double forward_s = 0;
  double backward_s = 0;
  double send_s = 0;     ///< handing over what the others are to have
  double combine_s = 0;  ///< taking in what the others had, without waiting for it
  double bytes = 0;      ///< that the worker's process sends and receives
};

struct IterationModel {
  double bytes_per_second = 1e9;  ///< that a process sends and receives
  bool overlap = true;            ///< false: nothing leaves before backward is through
  bool waits_for_all = false;     ///< the next forward begins when all layers are there
  bool sends_beside = false;      ///< by a host whose device computes meanwhile

  /// From the begin of backward to the end of the next forward. Layers are in the order of forward.
  [[nodiscard]] double seconds(std::span<const LayerCost> layers) const;
};

}  // namespace poseidon
