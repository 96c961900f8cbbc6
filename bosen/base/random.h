#pragma once

// Random numbers that are the same on every machine for the same seed, which those of <random> are not.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace bosen {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). Cheap to make, so
/// everything that needs numbers of its own makes a generator from the seed and its own coordinates.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// Another stream for each `first` and `second`.
  Random(std::uint64_t seed, std::uint64_t first, std::uint64_t second = 0)
      : state_(mix(mix(mix(seed) ^ first) ^ (second + kStep))) {}

  std::uint64_t next() { return mix(state_ += kStep); }

  /// Below `bound`, which is positive. The bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(Wide{next()} * bound >> 64);
  }

  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// Normally distributed, mean 0, standard deviation 1 (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  /// Puts the items into random order (Fisher and Yates).
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace bosen
