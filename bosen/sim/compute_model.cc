#include "bosen/sim/compute_model.h"

#include <algorithm>
#include <cmath>

#include "bosen/base/random.h"

namespace bosen::sim {
namespace {

// Streams of random numbers of one seed.
constexpr std::uint64_t kBaseStream = 0x10;
constexpr std::uint64_t kRuleStream = 0x1000;  // and the rule's number

Random draws(std::uint64_t seed, std::uint64_t stream, WorkerId worker, Clock clock) {
  return {Random(seed, stream).next(), static_cast<std::uint64_t>(worker), static_cast<std::uint64_t>(clock)};
}

/// From 1 to `maximum`; the share above x falls as x^-exponent.
double power_law(Random& random, double exponent, double maximum) {
  return std::min(maximum, std::pow(1 - random.uniform(), -1 / exponent));
}

}  // namespace

double ComputeModel::base_ns(int node, WorkerId worker, Clock clock) const {
  using Distribution = ComputeSpec::Distribution;
  const ComputeSpec& compute = spec_.compute;
  Random random = draws(spec_.seed, kBaseStream, worker, clock);
  const double mean = compute.mean_ns;
  switch (compute.distribution) {
    case Distribution::kConstant:
      return mean;
    case Distribution::kUniform:
      return 2 * mean * random.uniform();
    case Distribution::kNormal:
      return std::max(0.0, mean + compute.deviation_ns * random.normal());
    case Distribution::kExponential:
      return -mean * std::log(1 - random.uniform());
    case Distribution::kLognormal: {
      const double spread = std::sqrt(std::log1p(std::pow(compute.deviation_ns / std::max(mean, 1e-9), 2)));
      return mean * std::exp(spread * random.normal() - spread * spread / 2);
    }
    case Distribution::kPareto:
      return mean * (compute.exponent - 1) / compute.exponent * power_law(random, compute.exponent, 1e9);
    case Distribution::kProfile: {
      const auto& own = compute.profile_ns[static_cast<std::size_t>(node) % compute.profile_ns.size()];
      return own[static_cast<std::size_t>(clock) % own.size()];
    }
  }
  return mean;
}

TimeNs ComputeModel::time(int node, WorkerId worker, Clock clock, TimeNs now) {
  using Kind = StragglerSpec::Kind;
  double duration = base_ns(node, worker, clock) * pace_.slowness(node);
  for (std::size_t rule = 0; rule < spec_.stragglers.size(); ++rule) {
    const StragglerSpec& straggler = spec_.stragglers[rule];
    if (!concerns(straggler, node)) continue;
    Random random = draws(spec_.seed, kRuleStream + rule, worker, clock);
    if (straggler.kind == Kind::kRandom && random.uniform() < straggler.chance) duration *= straggler.factor;
    if (straggler.kind == Kind::kPowerLaw) duration *= power_law(random, straggler.exponent, straggler.factor);
  }
  return pace_.stretched(node, now, duration);
}

}  // namespace bosen::sim
