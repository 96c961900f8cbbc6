#pragma once

// What to do about numbers that are not finite (NaN or infinite), and how to find them.

#include <cstdint>
#include <span>
#include <string>

#include "poseidon/backend.h"

namespace poseidon {

enum class NonfinitePolicy {
  kStop,  ///< the run ends with an error that names layer, worker and clock
  kSkip,  ///< the iteration updates nothing: under bsp on any worker, with staleness on the worker where it happened
  kClip,  ///< elements of a gradient that are not finite count as zero
};

/// Of stop, skip or clip. Throws bosen::Error(kUsage) with the reason alone.
[[nodiscard]] NonfinitePolicy nonfinite_policy_named(const std::string& name);

/// Where it happened.
struct TrainingPlace {
  int worker = 0;
  std::int64_t clock = 0;
  std::string layer;  ///< empty: not known
};

/// "worker 1, clock 37, layer 'conv1'".
[[nodiscard]] std::string text_of(const TrainingPlace& place);

/// Throws bosen::Error(kUsage): where, what, and what to do about it under that policy.
[[noreturn]] void stop_for_nonfinite(const TrainingPlace& place, const std::string& what,
                                     NonfinitePolicy policy = NonfinitePolicy::kStop);

[[nodiscard]] bool are_finite(std::span<const float> elements);
/// Whether all elements are finite. Waits for the device.
[[nodiscard]] bool is_finite(const Tensor& tensor, Backend& backend);

/// Puts zero where an element is not finite; returns how many that were.
std::int64_t zero_nonfinite(Tensor& tensor, Backend& backend);

}  // namespace poseidon
