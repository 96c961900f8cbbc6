#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::core {

/// The clocks of all workers on one table, and the least of them. Advancing costs O(1) but when the slowest moves.
class VectorClock {
 public:
  /// All begin with clock `first`.
  explicit VectorClock(std::size_t workers, Clock first = 0)
      : clocks_(workers, first), slowest_(workers), minimum_(first) {}

  /// Sets a worker's clock, which never goes back. Returns whether the minimum has grown.
  bool advance(std::size_t worker, Clock clock) {
    Clock& current = clocks_[worker];
    if (clock <= current) return false;
    const bool was_slowest = current == minimum_;
    current = clock;
    if (!was_slowest || --slowest_ > 0) return false;
    minimum_ = *std::min_element(clocks_.begin(), clocks_.end());
    slowest_ = static_cast<std::size_t>(std::count(clocks_.begin(), clocks_.end(), minimum_));
    return true;
  }

  [[nodiscard]] Clock minimum() const { return minimum_; }
  [[nodiscard]] Clock of(std::size_t worker) const { return clocks_[worker]; }
  [[nodiscard]] std::size_t size() const { return clocks_.size(); }

 private:
  std::vector<Clock> clocks_;
  std::size_t slowest_;  // how many stand at the minimum
  Clock minimum_;
};

}  // namespace bosen::core
