#include "poseidon/backend/cuda/cuda_group.h"

#include <thread>
#include <vector>

#include "poseidon/backend.h"

namespace poseidon::cuda {

void Group::ask(Lane lane, Collective::Kind kind, std::span<const GroupPart> parts) {
  std::vector<Collective::Part> asked;
  std::size_t elements_in_all = 0;
  for (const GroupPart& part : parts) {
    Tensor elements = part.elements;
    asked.push_back({elements.data(), static_cast<std::size_t>(elements.count()), part.owner});
    elements_in_all += asked.back().count;
  }
  if (recorder_ != nullptr) recorder_->begin(lane);
  collective_->ask(place_, device_, lane, kind, asked);
  if (recorder_ == nullptr) return;
  const bool adds_up = kind != Collective::Kind::kBroadcast;
  recorder_->end(lane, adds_up ? DeviceTransfer::Kind::kReduce : DeviceTransfer::Kind::kBroadcast,
                 elements_in_all * sizeof(float));
}

// After the look at the device: work that was given up ends as well.
bool Group::is_past(Mark mark) {
  const bool past = device_.is_past(mark);
  collective_->expect_success(place_);
  return past;
}

// In small steps, as the device itself might wait for ever.
void Group::await(Mark mark) {
  while (!is_past(mark)) std::this_thread::yield();
}

void Group::reduce(std::span<const GroupPart> parts) {
  device_.follow(Lane::kToHost, Lane::kCompute);
  ask(Lane::kToHost, Collective::Kind::kReduce, parts);
}

Ticket Group::reduce_for_all(std::span<const GroupPart> parts) {
  device_.follow(Lane::kToHost, Lane::kCompute);
  ask(Lane::kToHost, Collective::Kind::kReduceForAll, parts);
  return {Ticket::Way::kToHost, device_.mark(Lane::kToHost).number};
}

Ticket Group::hand_out(std::span<const GroupPart> parts) {
  ask(Lane::kToDevice, Collective::Kind::kBroadcast, parts);
  return {Ticket::Way::kToDevice, device_.mark(Lane::kToDevice).number};
}

}  // namespace poseidon::cuda
