#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bosen/random.h"

namespace lda {

/// Draws from a fixed discrete distribution in constant time. Walker's alias method as Vose builds it (A linear
/// algorithm for generating random numbers with a given distribution, IEEE TSE 1991).
class AliasTable {
 public:
  /// Weights are not negative and not all zero. May be called again; takes no more memory then than before.
  void build(std::span<const float> weights);

  [[nodiscard]] std::uint32_t draw(bosen::Random& random) const {
    const std::uint64_t bits = random.next();
    const auto bin = static_cast<std::uint32_t>((bits >> 32) * bins_.size() >> 32);
    const auto fraction = static_cast<float>(static_cast<std::uint32_t>(bits) >> 8) * 0x1p-24F;
    return fraction < bins_[bin].share ? bin : bins_[bin].alias;
  }

  /// The sum of the weights.
  [[nodiscard]] float total() const { return total_; }

 private:
  struct Bin {
    float share = 1;  ///< of the bin that is its own
    std::uint32_t alias = 0;
  };

  std::vector<Bin> bins_;
  std::vector<std::uint32_t> small_;  ///< of build(), kept for the next
  std::vector<std::uint32_t> large_;
  float total_ = 0;
};

}  // namespace lda
