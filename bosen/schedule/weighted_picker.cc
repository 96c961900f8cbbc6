#include "bosen/schedule/weighted_picker.h"

#include <algorithm>
#include <cmath>

#include "bosen/base/assert.h"

namespace bosen {

WeightedPicker::WeightedPicker(std::size_t count) : weights_(count, 0.0), sums_(count + 1, 0.0) {
  while (2 * top_ <= count) top_ *= 2;
}

double WeightedPicker::total() const {
  double sum = 0;
  for (std::size_t i = size(); i > 0; i &= i - 1) sum += sums_[i];
  return sum;
}

void WeightedPicker::set(std::size_t index, double weight) {
  BOSEN_ASSERT(weight >= 0 && std::isfinite(weight));
  const double change = weight - weights_[index];
  weights_[index] = weight;
  for (std::size_t i = index + 1; i <= size(); i += i & (~i + 1)) sums_[i] += change;
}

std::size_t WeightedPicker::at(double place) const {
  double left = place * total();
  std::size_t index = 0;
  for (std::size_t step = top_; step > 0; step /= 2) {
    if (index + step > size() || sums_[index + step] > left) continue;
    index += step;
    left -= sums_[index];
  }
  index = std::min(index, size() - 1);
  // Rounding can lead past the last weight, or beside one: the nearest before it is as good.
  while (index > 0 && weights_[index] == 0) --index;
  while (weights_[index] == 0 && index + 1 < size()) ++index;
  return index;
}

}  // namespace bosen
