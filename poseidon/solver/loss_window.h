#pragma once

// The mean of the last so many losses (Caffe's average_loss).

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

  /// 0 where none was added.
  [[nodiscard]] double mean() const {
    const std::size_t count = added_ < losses_.size() ? added_ : losses_.size();
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += losses_[i];
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }

 private:
  std::vector<double> losses_;
  std::size_t added_ = 0;
};

}  // namespace poseidon
