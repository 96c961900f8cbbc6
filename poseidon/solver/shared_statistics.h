#pragma once

// What forwards keep by themselves (BatchNorm's running statistics) is each worker's own. Tests look at worker 0's, as
// snapshots do, so that a test's result does not depend on how images are shared out, nor on a resumption.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bosen/channel.h"
#include "poseidon/layer.h"

namespace poseidon {

/// One a worker; used by its thread. Layers and backend outlive it.
class SharedStatistics {
 public:
  /// The channel is made for this alone.
  SharedStatistics(bosen::Channel channel, bosen::Worker& worker, Backend& backend,
                   std::span<const std::unique_ptr<Layer>> layers);

  /// Every worker calls it as often: worker 0 hands its statistics out, the others wait for them and go on from them.
  void take_over();

 private:
  const bosen::Channel channel_;
  bosen::Worker& worker_;
  Backend& backend_;
  std::vector<Tensor*> statistics_;
  std::vector<float> elements_;  ///< of all, one after another
  std::int64_t times_ = 0;       ///< tags messages
};

}  // namespace poseidon
