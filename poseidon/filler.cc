#include "poseidon/filler.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>
#include <thread>
#include <vector>

namespace poseidon {
namespace {

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same everywhere, which std's distributions are not.
class Generator {
 public:
  /// Goes on after `drawn` numbers.
  Generator(std::uint64_t state, std::uint64_t drawn) : state_(state + drawn * kStep) {}

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
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;

  std::uint64_t next() {
    state_ += kStep;
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

/// Large tensors by several threads, each from its own place in the one sequence of numbers: a number an element, for
/// two gaussian ones two. draw(generator) is an element.
template <class Draw>
void fill_random(std::uint64_t state, std::span<float> values, const Draw& draw) {
  constexpr std::size_t kEach = std::size_t{1} << 20;  // even, as gaussians come in pairs
  const auto fill_part = [&](std::size_t first) {
    Generator generator(state, first);
    for (float& value : values.subspan(first, std::min(kEach, values.size() - first))) {
      value = static_cast<float>(draw(generator));
    }
  };
  std::atomic<std::size_t> next{0};
  const auto fill_parts = [&] {
    for (std::size_t first = next.fetch_add(kEach); first < values.size(); first = next.fetch_add(kEach)) {
      fill_part(first);
    }
  };
  const std::size_t parts = (values.size() + kEach - 1) / kEach;
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min<std::size_t>(parts, std::thread::hardware_concurrency()); ++i) {
    helpers.emplace_back(fill_parts);
  }
  fill_parts();
}

}  // namespace

void fill(const Filler& filler, const Shape& shape, std::uint64_t seed, std::string_view name,
          std::span<float> values) {
  const std::uint64_t state = seed * 0x9E3779B97F4A7C15 ^ hash_of(name);
  const auto fill_uniform = [&](double minimum, double maximum) {
    fill_random(state, values, [&](Generator& from) { return minimum + (maximum - minimum) * from.uniform(); });
  };
  const auto fill_gaussian = [&](double mean, double deviation) {
    fill_random(state, values, [&](Generator& from) { return mean + deviation * from.gaussian(); });
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
