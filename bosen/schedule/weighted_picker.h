#pragma once

#include <cstddef>
#include <vector>

namespace bosen {

/// Picks indices in proportion to weights that change: both in logarithmic time, by sums in a binary indexed tree
/// (Fenwick, Software: Practice and Experience 1994). Single-threaded.
class WeightedPicker {
 public:
  /// All weights are zero.
  explicit WeightedPicker(std::size_t count);

  [[nodiscard]] std::size_t size() const { return weights_.size(); }
  [[nodiscard]] double weight(std::size_t index) const { return weights_[index]; }
  [[nodiscard]] double total() const;

  /// `weight` is finite and not negative.
  void set(std::size_t index, double weight);

  /// The index at `place` of the total, from 0 to 1: one with a weight above zero. The total is not zero.
  [[nodiscard]] std::size_t at(double place) const;

 private:
  std::vector<double> weights_;
  std::vector<double> sums_;  ///< entry i: of the weights from i - (lowest bit of i) to i - 1; entry 0 is not used
  std::size_t top_ = 1;       ///< the largest power of two up to the size
};

}  // namespace bosen
