#include "poseidon/solver/learning_rate.h"

#include <algorithm>
#include <cmath>

namespace poseidon {
namespace {

double scheduled(const LearningRatePolicy& policy, std::int64_t iteration) {
  const auto i = static_cast<double>(iteration);
  switch (policy.kind) {
    case LearningRatePolicy::Kind::kFixed:
      break;
    case LearningRatePolicy::Kind::kStep: {
      const std::int64_t steps = iteration / policy.step_size;
      return policy.base * std::pow(policy.gamma, static_cast<double>(steps));
    }
    case LearningRatePolicy::Kind::kMultistep: {
      const auto& values = policy.step_values;
      const auto passed = std::upper_bound(values.begin(), values.end(), iteration) - values.begin();
      return policy.base * std::pow(policy.gamma, static_cast<double>(passed));
    }
    case LearningRatePolicy::Kind::kInv:
      return policy.base * std::pow(1 + policy.gamma * i, -policy.power);
    case LearningRatePolicy::Kind::kExp:
      return policy.base * std::pow(policy.gamma, i);
    case LearningRatePolicy::Kind::kSigmoid:
      return policy.base / (1 + std::exp(-policy.gamma * (i - static_cast<double>(policy.step_size))));
    case LearningRatePolicy::Kind::kPoly: {
      const double left = std::max(0.0, 1 - i / static_cast<double>(policy.max_iterations));
      return policy.base * std::pow(left, policy.power);
    }
  }
  return policy.base;
}

}  // namespace

double learning_rate(const LearningRatePolicy& policy, std::int64_t iteration) {
  const double rate = scheduled(policy, iteration);
  if (iteration >= policy.warmup_iterations) return rate;
  const double share = static_cast<double>(iteration) / static_cast<double>(policy.warmup_iterations);
  return policy.warmup_start + (rate - policy.warmup_start) * share;
}

}  // namespace poseidon
