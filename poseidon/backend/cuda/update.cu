// Solver steps. Many tensors go into one launch: a net has hundreds, most of them small.

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// Tensors of one launch; its arguments have to fit into 4 KiB.
constexpr std::uint32_t kTargets = 48;

/// What one tensor's step touches; g = factor * gradient + decay * value.
struct Target {
  float* value = nullptr;
  const float* gradient = nullptr;
  float* first = nullptr;   ///< history
  float* second = nullptr;  ///< adam's
  std::uint32_t end = 0;    ///< of its elements, all tensors of the launch counted through
  float rate = 0, decay = 0, factor = 0;
};

struct Rule {
  UpdateRule::Kind kind;
  float momentum, momentum2, epsilon;
};

struct Update {
  Rule rule;
  std::uint32_t count;
  Target targets[kTargets];

  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    // The last target that begins at i or before.
    std::uint32_t low = 0;
    std::uint32_t high = count - 1;
    while (low < high) {
      const std::uint32_t middle = (low + high) / 2;
      if (i < targets[middle].end) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const Target& target = targets[low];
    step(target, i - (low == 0 ? 0 : targets[low - 1].end));
  }

  POSEIDON_DEVICE void step(const Target& t, std::uint32_t i) const {
    const float g = t.factor * t.gradient[i] + t.decay * t.value[i];
    switch (rule.kind) {
      case UpdateRule::Kind::kSgd:
        t.first[i] = rule.momentum * t.first[i] + t.rate * g;
        t.value[i] -= t.first[i];
        break;
      case UpdateRule::Kind::kNesterov: {
        const float before = t.first[i];
        t.first[i] = rule.momentum * before + t.rate * g;
        t.value[i] -= (1 + rule.momentum) * t.first[i] - rule.momentum * before;
        break;
      }
      case UpdateRule::Kind::kAdaGrad:
        t.first[i] += g * g;
        t.value[i] -= t.rate * g / (sqrtf(t.first[i]) + rule.epsilon);
        break;
      case UpdateRule::Kind::kAdam:  // Kingma & Ba, ICLR 2015; the correction of both moments is in the rate
        t.first[i] = rule.momentum * t.first[i] + (1 - rule.momentum) * g;
        t.second[i] = rule.momentum2 * t.second[i] + (1 - rule.momentum2) * g * g;
        t.value[i] -= t.rate * t.first[i] / (sqrtf(t.second[i]) + rule.epsilon);
        break;
    }
  }
};

double corrected_rate(const UpdateRule& rule, const UpdateStep& step) {
  if (rule.kind != UpdateRule::Kind::kAdam) return step.rate;
  const auto t = static_cast<double>(step.iteration + 1);
  return step.rate * std::sqrt(1 - std::pow(rule.momentum2, t)) / (1 - std::pow(rule.momentum, t));
}

Target target_of(const UpdateRule& rule, const UpdateTarget& target) {
  return {.value = target.value->data(),
          .gradient = target.gradient->data(),
          .first = target.history[0].data(),
          .second = target.history.size() > 1 ? target.history[1].data() : nullptr,
          .end = 0,
          .rate = static_cast<float>(corrected_rate(rule, target.step)),
          .decay = static_cast<float>(target.step.decay),
          .factor = static_cast<float>(target.step.gradient_factor)};
}

}  // namespace

void update(Device& device, const UpdateRule& rule, std::span<const UpdateTarget> targets) {
  static_assert(sizeof(Update) <= 4096);
  Update update{{rule.kind, static_cast<float>(rule.momentum), static_cast<float>(rule.momentum2),
                 static_cast<float>(rule.epsilon)},
                0,
                {}};
  std::int64_t elements = 0;
  const auto launch = [&] {
    for_each(device, elements, update);
    update.count = 0;
    elements = 0;
  };
  constexpr std::int64_t kElementsMax = std::int64_t{1} << 31;
  for (const UpdateTarget& target : targets) {
    const std::int64_t own = target.value->count();
    if (update.count == kTargets || (update.count > 0 && elements + own > kElementsMax)) launch();
    elements += own;
    update.targets[update.count] = target_of(rule, target);
    update.targets[update.count++].end = static_cast<std::uint32_t>(elements);
  }
  if (update.count > 0) launch();
}

}  // namespace poseidon::cuda
