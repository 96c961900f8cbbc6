#pragma once

// Numbers of all workers, added up at worker 0: losses and test results. Nobody waits for anybody on the way, so
// workers may be as far apart as the consistency model lets them, up to kPendingMax contributions of worker 0.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "bosen/channel.h"

namespace poseidon {

/// One a worker; used by its thread. Every worker contributes as many times, in the same order.
class WorkerSums {
 public:
  struct Sum {
    std::int64_t topic = 0;
    std::vector<double> values;
  };

  /// Sums that may be incomplete at worker 0, which waits for the oldest where there are more.
  static constexpr std::size_t kPendingMax = 256;
  /// Of a channel that has room for a message with each of them: then no worker waits for another to receive while that
  /// waits for it.
  static constexpr int kCapacity = 2 * kPendingMax;

  /// The channel is made for this alone, and with kCapacity.
  WorkerSums(bosen::Channel channel, bosen::Worker& worker) : channel_(channel), worker_(worker) {}

  /// Adds this worker's numbers to a sum; `topic` tells its reader what it is about. Worker 0 has the most numbers:
  /// others may leave out the last ones where they have nothing to add.
  void contribute(std::int64_t topic, std::span<const double> values);

  /// At worker 0: the next sum that is complete, in the order of contributions; nothing where parts are on their way
  /// and no more than kPendingMax are pending. At others: nothing.
  std::optional<Sum> ready() { return next(/*wait=*/pending_.size() > kPendingMax); }

  /// The same, but waits for the parts; nothing where no sum is pending.
  std::optional<Sum> await() { return next(/*wait=*/true); }

 private:
  struct Pending {
    Sum sum;
    std::int64_t tag = 0;
    int parts = 1;  ///< of workers 0 .. parts - 1, in the order of which they are added
  };

  std::optional<Sum> next(bool wait);

  const bosen::Channel channel_;
  bosen::Worker& worker_;
  std::int64_t contributions_ = 0;
  std::deque<Pending> pending_;
};

}  // namespace poseidon
