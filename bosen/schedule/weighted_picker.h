#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bosen {

/// Picks indices in proportion to weights that change: both in logarithmic time, by a binary tree of sums. Sums are
/// formed anew and never changed by differences, so that a weight which was vast for a while leaves no trace.
/// Single-threaded.
class WeightedPicker {
 public:
  /// Weights are finite and not negative.
  explicit WeightedPicker(std::span<const double> weights);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] double weight(std::size_t index) const { return sums_[leaves_ + index]; }
  [[nodiscard]] double total() const { return sums_[1]; }

  /// `weight` is finite and not negative.
  void set(std::size_t index, double weight);

  /// The index at `place` of the total, from 0 to 1: one with a weight above zero. The total is not zero.
  [[nodiscard]] std::size_t at(double place) const;

 private:
  std::size_t size_;
  std::size_t leaves_;        ///< the size, rounded up to a power of two
  std::vector<double> sums_;  ///< entry i: of entries 2i and 2i + 1; from leaves_ on the weights; entry 0 is not used
};

}  // namespace bosen
