#include "poseidon/backend/cuda/cuda_group.h"

#include <vector>

#include "poseidon/backend.h"

namespace poseidon::cuda {

void Group::ask(Lane lane, Collective::Kind kind, std::span<const GroupPart> parts) {
  std::vector<Collective::Part> asked;
  for (const GroupPart& part : parts) {
    Tensor elements = part.elements;
    asked.push_back({elements.data(), static_cast<std::size_t>(elements.count()), part.owner});
  }
  collective_->ask(place_, device_, lane, kind, asked);
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
