#include "poseidon/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace poseidon {
namespace {

std::size_t aligned(std::size_t bytes) { return (bytes + kPlanAlignment - 1) / kPlanAlignment * kPlanAlignment; }

bool live_together(const Lifetime& one, const Lifetime& other) {
  return one.first <= other.last && other.first <= one.last;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t item : order) {
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      if (!live_together(lifetimes[item], lifetimes[other])) continue;
      if (offset + aligned(lifetimes[item].bytes) <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + aligned(lifetimes[other].bytes));
    }
    plan.offsets[item] = offset;
    plan.bytes = std::max(plan.bytes, offset + aligned(lifetimes[item].bytes));
    const auto place =
        std::find_if(placed.begin(), placed.end(), [&](auto other) { return plan.offsets[other] > offset; });
    placed.insert(place, item);
  }
  return plan;
}

}  // namespace poseidon
