// What NCCL does on GPUs, in the host's memory: one member does it for all.

#include <algorithm>
#include <limits>
#include <vector>

#include "poseidon/backend/cuda/collective.h"

namespace poseidon::cuda {
namespace {

class EmulatedCollective final : public Collective {
 public:
  explicit EmulatedCollective(std::size_t members) : Collective(members), asked_(members) {}

  void expect_success(int /*member*/) override { expect_all(); }

 private:
  void queue(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts) override {
    device.await(device.mark(lane));  // it comes after what is on the lane already
    asked_[static_cast<std::size_t>(member)] = parts;
    meet(member);
    if (member != 0) return;
    for (std::size_t part = 0; part < parts.size(); ++part) carry_out(kind, part);
  }

  [[nodiscard]] std::span<float> elements(std::size_t member, std::size_t part) const {
    return {asked_[member][part].elements, asked_[member][part].count};
  }

  void carry_out(Kind kind, std::size_t part) {
    const auto owner = static_cast<std::size_t>(asked_[0][part].owner);
    if (kind != Kind::kBroadcast) add_up(owner, part);
    for (std::size_t member = 0; member < asked_.size(); ++member) {
      if (member == owner) continue;
      const std::span<float> target = elements(member, part);
      if (kind == Kind::kReduce) {
        std::fill(target.begin(), target.end(), std::numeric_limits<float>::quiet_NaN());  // of no use
      } else {
        std::ranges::copy(elements(owner, part), target.begin());
      }
    }
  }

  void add_up(std::size_t owner, std::size_t part) {
    std::vector<float> sum(elements(0, part).size());
    for (std::size_t member = 0; member < asked_.size(); ++member) {
      const std::span<const float> own = elements(member, part);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += own[i];
    }
    std::ranges::copy(sum, elements(owner, part).begin());
  }

  void release() noexcept override {}

  std::vector<std::span<const Part>> asked_;  ///< by member, since they last met
};

}  // namespace

std::string why_no_collective(std::span<const int> /*devices*/) { return {}; }

std::shared_ptr<Collective> make_collective(std::span<const int> devices) {
  return std::make_shared<EmulatedCollective>(devices.size());
}

std::string collective_library() { return "emulated"; }

}  // namespace poseidon::cuda
