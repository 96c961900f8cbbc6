#include "poseidon/solver/nonfinite.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <vector>

#include "bosen/error.h"

namespace poseidon {
namespace {

std::vector<float> elements_of(const Tensor& tensor, Backend& backend) {
  std::vector<float> elements(static_cast<std::size_t>(tensor.count()));
  backend.download(tensor, elements);
  return elements;
}

}  // namespace

NonfinitePolicy nonfinite_policy_named(const std::string& name) {
  if (name == "stop") return NonfinitePolicy::kStop;
  if (name == "skip") return NonfinitePolicy::kSkip;
  if (name == "clip") return NonfinitePolicy::kClip;
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be stop, skip or clip");
}

std::string text_of(const TrainingPlace& place) {
  const std::string layer = place.layer.empty() ? "" : fmt::format(", layer '{}'", place.layer);
  return fmt::format("worker {}, clock {}{}", place.worker, place.clock, layer);
}

void stop_for_nonfinite(const TrainingPlace& place, const std::string& what, NonfinitePolicy policy) {
  const char* const otherwise = policy == NonfinitePolicy::kStop ? ", or go on with --on-nonfinite skip" : "";
  throw bosen::Error(bosen::ErrorKind::kUsage, fmt::format("{}: {}: take a smaller base_lr or clip_gradients{}",
                                                           text_of(place), what, otherwise));
}

bool are_finite(std::span<const float> elements) {
  // Without a way out of the loop, so that it is vectorised.
  constexpr std::uint32_t kExponent = 0x7f80'0000;
  bool finite = true;
  for (const float element : elements) finite &= (std::bit_cast<std::uint32_t>(element) & kExponent) != kExponent;
  return finite;
}

bool is_finite(const Tensor& tensor, Backend& backend) {
  // A finite sum has finite parts; one that is not may just be too large.
  if (std::isfinite(backend.sum_of_squares(tensor))) return true;
  return are_finite(elements_of(tensor, backend));
}

std::int64_t zero_nonfinite(Tensor& tensor, Backend& backend) {
  std::vector<float> elements = elements_of(tensor, backend);
  std::int64_t count = 0;
  for (float& element : elements) {
    if (std::isfinite(element)) continue;
    element = 0;
    ++count;
  }
  if (count > 0) backend.upload(elements, tensor);
  return count;
}

}  // namespace poseidon
