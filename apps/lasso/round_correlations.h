#pragma once

#include <cstdint>
#include <vector>

#include "apps/lasso/problem.h"

namespace lasso {

/// Which columns correlate with those of a round: |x_j . x_k| / (|x_j| |x_k|), computed over shared examples only.
/// Columns of one owner don't matter to each other, as it goes through them one after the other. Single-threaded.
class RoundCorrelations {
 public:
  /// Columns that correlate by more than `most` are dependent. A column's owner is its number modulo `owners`.
  RoundCorrelations(const Problem& problem, double most, std::uint32_t owners);

  /// A round begins, without any column.
  void begin_round();
  /// Whether the column depends on none of the round; then it is one of them.
  bool admit(std::uint32_t column);

 private:
  struct Use {
    std::uint32_t column = 0;
    float value = 0;
  };

  const Problem& problem_;
  const double most_;
  const std::uint32_t owners_;
  std::vector<std::vector<Use>> by_example_;  ///< columns of the round that have a value there
  std::vector<std::uint32_t> columns_;        ///< of the round
  std::vector<double> products_;              ///< by column: with the candidate; zero between two calls
  std::vector<std::uint32_t> touched_;
};

}  // namespace lasso
