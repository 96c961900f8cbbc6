#include "bosen/schedule/weighted_picker.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "bosen/base/assert.h"

namespace bosen {

WeightedPicker::WeightedPicker(std::span<const double> weights)
    : size_(weights.size()), leaves_(std::bit_ceil(std::max<std::size_t>(size_, 1))), sums_(2 * leaves_, 0.0) {
  std::copy(weights.begin(), weights.end(), sums_.begin() + static_cast<std::ptrdiff_t>(leaves_));
  for (std::size_t i = leaves_ - 1; i > 0; --i) sums_[i] = sums_[2 * i] + sums_[2 * i + 1];
}

void WeightedPicker::set(std::size_t index, double weight) {
  BOSEN_ASSERT(weight >= 0 && std::isfinite(weight));
  std::size_t i = leaves_ + index;
  sums_[i] = weight;
  for (i /= 2; i > 0; i /= 2) sums_[i] = sums_[2 * i] + sums_[2 * i + 1];
}

// Whatever rounding does, it never goes where there is nothing.
std::size_t WeightedPicker::at(double place) const {
  double left = place * total();
  std::size_t i = 1;
  while (i < leaves_) {
    i *= 2;
    if (left < sums_[i] || sums_[i + 1] == 0) continue;
    left -= sums_[i];
    ++i;
  }
  return i - leaves_;
}

}  // namespace bosen
