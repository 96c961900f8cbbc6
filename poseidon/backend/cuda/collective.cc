#include "poseidon/backend/cuda/collective.h"

#include <thread>

#include "bosen/error.h"

namespace poseidon::cuda {

void Collective::ask(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts) {
  meet(member);
  queue(member, device, lane, kind, parts);
  meet(member);
}

void Collective::expect_all() const {
  if (given_up_) throw bosen::Error(bosen::ErrorKind::kDevice, "cuda: another worker of this process has failed");
}

// Nobody comes to a meeting before all have been at the last one.
void Collective::meet(int member) {
  const std::uint64_t with_all = ++meetings_[static_cast<std::size_t>(member)] * meetings_.size();
  arrivals_.fetch_add(1, std::memory_order_acq_rel);
  while (arrivals_.load(std::memory_order_acquire) < with_all) {
    expect_all();
    std::this_thread::yield();
  }
}

}  // namespace poseidon::cuda
