#include "poseidon/filler.h"

#include <cmath>
#include <numbers>

namespace poseidon {
namespace {

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same everywhere, which std's distributions are not.
class Generator {
 public:
  explicit Generator(std::uint64_t state) : state_(state) {}

  /// In (0, 1).
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1.0p-53; }

  /// Box & Muller, 1958.
  double gaussian() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2 * std::log(uniform()));
    const double angle = 2 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

double fan(const Filler& filler, const Shape& shape) {
  const auto count = static_cast<double>(shape.count());
  const double in = count / static_cast<double>(shape[0]);
  const double out = shape.rank() > 1 ? count / static_cast<double>(shape[1]) : count;
  switch (filler.variance) {
    case Filler::Variance::kFanIn:
      return in;
    case Filler::Variance::kFanOut:
      return out;
    case Filler::Variance::kAverage:
      break;
  }
  return (in + out) / 2;
}

}  // namespace

void fill(const Filler& filler, const Shape& shape, std::uint64_t seed, std::string_view name,
          std::span<float> values) {
  Generator generator(seed * 0x9E3779B97F4A7C15 ^ hash_of(name));
  const auto fill_uniform = [&](double minimum, double maximum) {
    for (float& value : values) value = static_cast<float>(minimum + (maximum - minimum) * generator.uniform());
  };
  const auto fill_gaussian = [&](double mean, double deviation) {
    for (float& value : values) value = static_cast<float>(mean + deviation * generator.gaussian());
  };
  switch (filler.type) {
    case Filler::Type::kConstant:
      for (float& value : values) value = static_cast<float>(filler.value);
      return;
    case Filler::Type::kGaussian:
      return fill_gaussian(filler.mean, filler.std);
    case Filler::Type::kUniform:
      return fill_uniform(filler.minimum, filler.maximum);
    case Filler::Type::kXavier: {
      const double limit = std::sqrt(3 / fan(filler, shape));
      return fill_uniform(-limit, limit);
    }
    case Filler::Type::kMsra:
      return fill_gaussian(0, std::sqrt(2 / fan(filler, shape)));
  }
}

}  // namespace poseidon
