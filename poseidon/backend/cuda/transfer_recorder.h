#pragma once

// When a device moved what beside its computation: two moments for each transfer. Used by its worker's thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/backend/cuda/device.h"

namespace poseidon::cuda {

class TransferRecorder {
 public:
  /// The device outlives it.
  explicit TransferRecorder(Device& device) : stopwatch_(device) {}

  /// Around what is asked of the lane.
  void begin(Lane lane) { stopwatch_.mark(lane); }
  void end(Lane lane, DeviceTransfer::Kind kind, std::size_t bytes);

  /// Those that are past and have not been taken.
  [[nodiscard]] std::vector<DeviceTransfer> take();

 private:
  LaneStopwatch stopwatch_;
  std::deque<DeviceTransfer> asked_;
  std::optional<std::int64_t> begin_ns_;  ///< of the first of them
};

}  // namespace poseidon::cuda
