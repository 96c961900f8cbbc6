#pragma once

// The mean of the last so many losses (Caffe's average_loss), which are finite.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace poseidon {

class LossWindow {
 public:
  /// size >= 1
  explicit LossWindow(std::int64_t size) : losses_(static_cast<std::size_t>(size)) {}

  void add(double loss) {
    losses_[added_ % losses_.size()] = loss;
    ++added_;
  }

  /// The last ones, in their order: added to another window, they make it the same.
  [[nodiscard]] std::vector<double> last() const {
    std::vector<double> last;
    for (std::size_t i = added_ - count(); i < added_; ++i) last.push_back(losses_[i % losses_.size()]);
    return last;
  }

  /// NaN where none was added.
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (std::size_t i = added_ - count(); i < added_; ++i) sum += losses_[i % losses_.size()];
    return sum / static_cast<double>(count());
  }

  void clear() { added_ = 0; }

 private:
  [[nodiscard]] std::size_t count() const { return added_ < losses_.size() ? added_ : losses_.size(); }

  std::vector<double> losses_;
  std::size_t added_ = 0;
};

}  // namespace poseidon
