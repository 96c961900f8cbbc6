#include "bosen/sim/compute_model.h"

#include <algorithm>
#include <cmath>

#include "bosen/base/random.h"

namespace bosen::sim {
namespace {

// Streams of random numbers of one seed.
constexpr std::uint64_t kBaseStream = 0x10;
constexpr std::uint64_t kRuleStream = 0x1000;   // and the rule's number
constexpr std::uint64_t kPauseStream = 0x2000;  // and the rule's number

Random draws(std::uint64_t seed, std::uint64_t stream, WorkerId worker, Clock clock) {
  return {Random(seed, stream).next(), static_cast<std::uint64_t>(worker), static_cast<std::uint64_t>(clock)};
}

/// From 1 to `maximum`; the share above x falls as x^-exponent.
double power_law(Random& random, double exponent, double maximum) {
  return std::min(maximum, std::pow(1 - random.uniform(), -1 / exponent));
}

bool concerns(const StragglerSpec& rule, int node) {
  return rule.nodes.empty() || std::find(rule.nodes.begin(), rule.nodes.end(), node) != rule.nodes.end();
}

}  // namespace

ComputeModel::ComputeModel(const SimSpec& spec)
    : spec_(spec),
      pauses_(spec.stragglers.size(), std::vector<std::vector<TimeNs>>(static_cast<std::size_t>(spec.processes()))) {}

double ComputeModel::base_ns(WorkerId worker, Clock clock) const {
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
    case Distribution::kProfile:
      return compute.profile_ns[static_cast<std::size_t>(clock) % compute.profile_ns.size()];
  }
  return mean;
}

TimeNs ComputeModel::time(int node, WorkerId worker, Clock clock, TimeNs now) {
  using Kind = StragglerSpec::Kind;
  double duration = base_ns(worker, clock);
  for (std::size_t rule = 0; rule < spec_.stragglers.size(); ++rule) {
    const StragglerSpec& straggler = spec_.stragglers[rule];
    if (!concerns(straggler, node)) continue;
    Random random = draws(spec_.seed, kRuleStream + rule, worker, clock);
    if (straggler.kind == Kind::kSlowNode) duration *= straggler.factor;
    if (straggler.kind == Kind::kRandom && random.uniform() < straggler.chance) duration *= straggler.factor;
    if (straggler.kind == Kind::kPowerLaw) duration *= power_law(random, straggler.exponent, straggler.factor);
  }
  auto total = static_cast<TimeNs>(duration);
  for (std::size_t rule = 0; rule < spec_.stragglers.size(); ++rule) {
    if (spec_.stragglers[rule].kind != Kind::kPauses || !concerns(spec_.stragglers[rule], node)) continue;
    total = with_pauses(node, rule, now, total);
  }
  return total;
}

// A pause stops the whole node: what is left of the computing goes on after it.
TimeNs ComputeModel::with_pauses(int node, std::size_t rule, TimeNs begin, TimeNs duration) {
  const StragglerSpec& straggler = spec_.stragglers[rule];
  std::vector<TimeNs>& begins = pauses_[rule][static_cast<std::size_t>(node)];
  const auto pause = [&](std::size_t index) {
    while (begins.size() <= index) {
      Random random = draws(spec_.seed, kPauseStream + rule, node, static_cast<Clock>(begins.size()));
      const TimeNs before = begins.empty() ? 0 : begins.back() + straggler.lasting;
      const double gap = -std::log(1 - random.uniform()) * static_cast<double>(straggler.every - straggler.lasting);
      begins.push_back(before + std::max<TimeNs>(0, static_cast<TimeNs>(gap)));
    }
    return begins[index];
  };
  std::size_t index = 0;
  while (pause(index) + straggler.lasting <= begin) ++index;
  TimeNs now = begin;
  TimeNs left = duration;
  while (pause(index) < now + left) {
    left -= std::max<TimeNs>(0, pause(index) - now);
    now = pause(index) + straggler.lasting;
    ++index;
  }
  return now + left - begin;
}

}  // namespace bosen::sim
