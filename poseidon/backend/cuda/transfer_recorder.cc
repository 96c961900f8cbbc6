#include "poseidon/backend/cuda/transfer_recorder.h"

#include <utility>

namespace poseidon::cuda {

void TransferRecorder::end(Lane lane, DeviceTransfer::Kind kind, std::size_t bytes) {
  stopwatch_.mark(lane);
  const Ticket::Way way = lane == Lane::kToHost ? Ticket::Way::kToHost : Ticket::Way::kToDevice;
  asked_.push_back({.way = way, .kind = kind, .bytes = bytes});
}

std::vector<DeviceTransfer> TransferRecorder::take() {
  std::vector<DeviceTransfer> past;
  for (const std::int64_t moment_ns : stopwatch_.take_past_ns()) {
    if (!begin_ns_) {
      begin_ns_ = moment_ns;
      continue;
    }
    DeviceTransfer& transfer = past.emplace_back(asked_.front());
    asked_.pop_front();
    transfer.begin_ns = *std::exchange(begin_ns_, std::nullopt);
    transfer.end_ns = moment_ns;
  }
  return past;
}

}  // namespace poseidon::cuda
