#pragma once

// One layer's gradients of all workers of a process, added up in the host's memory, so that a process hands one
// gradient to the shards however many workers it has. Each worker adds up some of the layer's rows.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bosen/channel.h"
#include "bosen/worker.h"
#include "poseidon/sync/parameter_rows.h"

namespace poseidon {

/// Where the workers of a process see each other's gradients. One for a layer, shared by them.
struct LocalGradients {
  int workers = 1;                           ///< N: those numbered kN to kN + N - 1 in the job add up together
  bosen::Channel channel;                    ///< says that one's are there; none where each worker is alone
  std::vector<std::vector<float*>> tensors;  ///< of each worker of the process
};

/// One worker's part in it; used by its thread.
class LocalSum {
 public:
  /// `gradients` stay where they are.
  LocalSum(const ParameterRows& rows, LocalGradients& local, bosen::Worker& worker, std::span<float* const> gradients);

  /// Shows this worker's gradients of this clock to the others. Until all workers of the process have advanced the
  /// layer's table they stay as they are.
  void show();
  /// Whether all have shown theirs, and waits until they have. After `show`.
  [[nodiscard]] bool is_complete();
  void await();

  /// The rows that this worker adds up: indices into ParameterRows::ids.
  [[nodiscard]] RowRange share() const { return share_; }
  /// The sum over all workers of the process, in their order; valid until the next.
  [[nodiscard]] std::span<const float> row(std::size_t row);

 private:
  [[nodiscard]] std::span<float* const> tensors(int place) const {
    const int worker = worker_.local_id() - place_ + place;
    return local_.tensors[static_cast<std::size_t>(worker)];
  }
  /// The number in the job of the worker at that place.
  [[nodiscard]] bosen::WorkerId at(int place) const { return worker_.id() - place_ + place; }

  const ParameterRows& rows_;
  LocalGradients& local_;
  bosen::Worker& worker_;
  const int place_;
  const RowRange share_;
  bosen::Clock shown_ = bosen::kNoClock;  ///< clock of the last `show`
  int seen_ = 0;                          ///< places before it are known to have shown theirs of that clock
  std::vector<float> sum_;
  std::vector<float> scratch_;
};

}  // namespace poseidon
