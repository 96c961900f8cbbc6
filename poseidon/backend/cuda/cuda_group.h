#pragma once

// A worker's GPU among those of its process. Sums leave on the lane to the host, before the copies that bring them
// there; what others hand out comes on the lane to the device, behind the copies that brought it.

#include <memory>

#include "poseidon/backend/cuda/collective.h"
#include "poseidon/backend/cuda/transfer_recorder.h"
#include "poseidon/device_group.h"

namespace poseidon::cuda {

class Group final : public DeviceGroup {
 public:
  /// The device outlives it.
  Group(Device& device, std::shared_ptr<Collective> collective, int place)
      : device_(device), collective_(std::move(collective)), place_(place) {}

  [[nodiscard]] int size() const override { return collective_->size(); }
  [[nodiscard]] int place() const override { return place_; }
  void reduce(std::span<const GroupPart> parts) override;
  Ticket reduce_for_all(std::span<const GroupPart> parts) override;
  Ticket hand_out(std::span<const GroupPart> parts) override;

  /// From now on; the recorder outlives it, or what it is asked for.
  void record_with(TransferRecorder& recorder) { recorder_ = &recorder; }

  /// As the device's; both throw bosen::Error(kDevice) where a worker or what adds up has failed, so that what is
  /// waited for will not come, or is of no use.
  [[nodiscard]] bool is_past(Mark mark);
  void await(Mark mark);

 private:
  void ask(Lane lane, Collective::Kind kind, std::span<const GroupPart> parts);

  Device& device_;
  const std::shared_ptr<Collective> collective_;
  const int place_;
  TransferRecorder* recorder_ = nullptr;
};

}  // namespace poseidon::cuda
