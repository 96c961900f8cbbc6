#pragma once

#include <cstdint>

namespace poseidon {

/// A pseudo-random order of 0 .. count - 1 that needs no memory: a Feistel network of four rounds over the least even
/// number of bits, walked on until it falls below count (Black & Rogaway, CT-RSA 2002).
class Permutation {
 public:
  Permutation(std::int64_t count, std::uint64_t seed) : count_(static_cast<std::uint64_t>(count)), seed_(seed) {
    while ((std::uint64_t{1} << (2 * half_bits_)) < count_) ++half_bits_;
  }

  [[nodiscard]] std::int64_t operator[](std::int64_t position) const {
    // Of no effect on a position that is one. Any other would be walked on for ever.
    auto value = static_cast<std::uint64_t>(position) % count_;
    do value = encrypt(value);
    while (value >= count_);
    return static_cast<std::int64_t>(value);
  }

 private:
  [[nodiscard]] std::uint64_t encrypt(std::uint64_t value) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = value >> half_bits_;
    std::uint64_t right = value & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      std::uint64_t mix = (right + seed_) * 0x9E3779B97F4A7C15 + round;
      mix = (mix ^ (mix >> 30)) * 0xBF58476D1CE4E5B9;
      mix = (mix ^ (mix >> 27)) * 0x94D049BB133111EB;
      const std::uint64_t next = left ^ ((mix ^ (mix >> 31)) & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t count_;
  std::uint64_t seed_;
  int half_bits_ = 1;
};

}  // namespace poseidon
