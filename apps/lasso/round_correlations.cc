#include "apps/lasso/round_correlations.h"

#include <cmath>

namespace lasso {

RoundCorrelations::RoundCorrelations(const Problem& problem, double most, std::uint32_t owners)
    : problem_(problem),
      most_(most),
      owners_(owners),
      by_example_(problem.examples()),
      products_(problem.columns(), 0.0) {}

void RoundCorrelations::begin_round() {
  for (const std::uint32_t column : columns_) {
    for (const Entry& entry : problem_.column(column)) by_example_[entry.example].clear();
  }
  columns_.clear();
}

bool RoundCorrelations::admit(std::uint32_t column) {
  if (owners_ == 1) return true;
  touched_.clear();
  const std::uint32_t owner = column % owners_;
  for (const Entry& entry : problem_.column(column)) {
    for (const Use& use : by_example_[entry.example]) {
      if (use.column % owners_ == owner) continue;
      if (products_[use.column] == 0) touched_.push_back(use.column);
      products_[use.column] += double{entry.value} * use.value;
    }
  }
  const double norm = problem_.squared_norms[column];
  bool independent = true;
  for (const std::uint32_t other : touched_) {
    if (std::abs(products_[other]) > most_ * std::sqrt(norm * problem_.squared_norms[other])) independent = false;
    products_[other] = 0;
  }
  if (!independent) return false;
  for (const Entry& entry : problem_.column(column)) {
    by_example_[entry.example].push_back({.column = column, .value = entry.value});
  }
  columns_.push_back(column);
  return true;
}

}  // namespace lasso
