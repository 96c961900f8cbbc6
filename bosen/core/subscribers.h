#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::core {

/// The processes that keep copies of a row: a bit each, without memory of its own for jobs of up to 64 processes.
class Subscribers {
 public:
  /// Returns whether the process was not there before.
  bool insert(Rank rank) {
    std::uint64_t& bits = word(static_cast<std::size_t>(rank) / 64);
    const std::uint64_t bit = std::uint64_t{1} << (rank % 64);
    const bool added = (bits & bit) == 0;
    bits |= bit;
    return added;
  }

  bool erase(Rank rank) {
    if (!contains(rank)) return false;
    word(static_cast<std::size_t>(rank) / 64) &= ~(std::uint64_t{1} << (rank % 64));
    return true;
  }

  [[nodiscard]] bool contains(Rank rank) const {
    const std::size_t index = static_cast<std::size_t>(rank) / 64;
    const std::uint64_t bits = index == 0 ? first_ : !further_ || further_->size() < index ? 0 : (*further_)[index - 1];
    return (bits >> (rank % 64) & 1) != 0;
  }

 private:
  std::uint64_t& word(std::size_t index) {
    if (index == 0) return first_;
    if (!further_) further_ = std::make_unique<std::vector<std::uint64_t>>();
    if (further_->size() < index) further_->resize(index);
    return (*further_)[index - 1];
  }

  std::uint64_t first_ = 0;
  std::unique_ptr<std::vector<std::uint64_t>> further_;
};

}  // namespace bosen::core
