#pragma once

// Lays tensors that live at different times over each other.

#include <cstddef>
#include <span>
#include <vector>

namespace poseidon {

/// Bytes that are needed from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< of each lifetime, multiples of kAlignment
  std::size_t bytes = 0;             ///< of all together
};

inline constexpr std::size_t kPlanAlignment = 256;

/// Largest first, each at the lowest place that is free as long as it lives. Two that live at once never overlap.
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

}  // namespace poseidon
