#include "apps/lda/alias_table.h"

#include <numeric>

namespace lda {

void AliasTable::build(std::span<const float> weights) {
  total_ = std::accumulate(weights.begin(), weights.end(), 0.0F);
  bins_.resize(weights.size());
  small_.clear();
  large_.clear();
  const float scale = static_cast<float>(weights.size()) / total_;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    bins_[i] = {.share = weights[i] * scale, .alias = i};
    (bins_[i].share < 1 ? small_ : large_).push_back(i);
  }
  while (!small_.empty() && !large_.empty()) {
    const std::uint32_t low = small_.back();
    const std::uint32_t high = large_.back();
    small_.pop_back();
    bins_[low].alias = high;
    bins_[high].share -= 1 - bins_[low].share;
    if (bins_[high].share >= 1) continue;
    large_.pop_back();
    small_.push_back(high);
  }
  // What is left is full but for rounding.
  for (const std::uint32_t i : small_) bins_[i] = {.share = 1, .alias = i};
  for (const std::uint32_t i : large_) bins_[i] = {.share = 1, .alias = i};
}

}  // namespace lda
