// Solver steps. Many tensors go into one launch: a net has hundreds, most of them small.

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// Tensors of one launch; its arguments have to fit into 4 KiB.
constexpr std::uint32_t kTargets = 48;

/// Elements that a thread takes at once.
using Four = Pack<float>;
constexpr std::uint32_t kPack = Four::kWidth;

/// What one tensor's step touches.
struct Target {
  float* value = nullptr;
  const float* gradient = nullptr;
  float* first = nullptr;   ///< history
  float* second = nullptr;  ///< adadelta's, adam's
  std::uint32_t count = 0;  ///< of its elements
  std::uint32_t end = 0;    ///< of its packs, all tensors of the launch counted through
  float rate = 0, decay = 0, factor = 0;
};

struct Rule {
  UpdateRule::Kind kind;
  float momentum, momentum2, epsilon;
  bool decays_by_sign;
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
    const std::uint32_t first = (i - (low == 0 ? 0 : targets[low - 1].end)) * kPack;
    if (first + kPack <= target.count) {
      step_pack(target, first);
    } else {
      for (std::uint32_t k = first; k < target.count; ++k) step(target, k);
    }
  }

  /// Tensors begin where packs do.
  POSEIDON_DEVICE void step_pack(const Target& t, std::uint32_t first) const {
    Four value = *four_at(t.value, first);
    const Four gradient = *four_at(t.gradient, first);
    Four one = *four_at(t.first, first);
    Four two = t.second == nullptr ? Four{} : *four_at(t.second, first);
    POSEIDON_UNROLL
    for (std::uint32_t k = 0; k < kPack; ++k) {
      step(t, value.elements[k], gradient.elements[k], one.elements[k], two.elements[k]);
    }
    *four_at(t.value, first) = value;
    *four_at(t.first, first) = one;
    if (t.second != nullptr) *four_at(t.second, first) = two;
  }

  POSEIDON_DEVICE void step(const Target& t, std::uint32_t i) const {
    float none = 0;
    step(t, t.value[i], t.gradient[i], t.first[i], t.second == nullptr ? none : t.second[i]);
  }

  POSEIDON_DEVICE void step(const Target& t, float& value, float gradient, float& first, float& second) const {
    const float sign = static_cast<float>(value > 0) - static_cast<float>(value < 0);
    const float g = t.factor * gradient + t.decay * (rule.decays_by_sign ? sign : value);
    switch (rule.kind) {
      case UpdateRule::Kind::kSgd:
        first = rule.momentum * first + t.rate * g;
        value -= first;
        break;
      case UpdateRule::Kind::kNesterov: {
        const float before = first;
        first = rule.momentum * before + t.rate * g;
        value -= (1 + rule.momentum) * first - rule.momentum * before;
        break;
      }
      case UpdateRule::Kind::kAdaGrad:
        first += g * g;
        value -= t.rate * g / (sqrtf(first) + rule.epsilon);
        break;
      case UpdateRule::Kind::kRmsProp:  // Tieleman & Hinton, 2012
        first = rule.momentum * first + (1 - rule.momentum) * g * g;
        value -= t.rate * g / (sqrtf(first) + rule.epsilon);
        break;
      case UpdateRule::Kind::kAdaDelta: {  // Zeiler, arXiv 2012
        first = rule.momentum * first + (1 - rule.momentum) * g * g;
        const float change = g * sqrtf((second + rule.epsilon) / (first + rule.epsilon));
        second = rule.momentum * second + (1 - rule.momentum) * change * change;
        value -= t.rate * change;
        break;
      }
      case UpdateRule::Kind::kAdam:  // Kingma & Ba, ICLR 2015; the correction of both moments is in the rate
        first = rule.momentum * first + (1 - rule.momentum) * g;
        second = rule.momentum2 * second + (1 - rule.momentum2) * g * g;
        value -= t.rate * first / (sqrtf(second) + rule.epsilon);
        break;
    }
  }

 private:
  POSEIDON_DEVICE static Four* four_at(float* data, std::uint32_t first) {
    return reinterpret_cast<Four*>(data + first);
  }
  POSEIDON_DEVICE static const Four* four_at(const float* data, std::uint32_t first) {
    return reinterpret_cast<const Four*>(data + first);
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
          .count = static_cast<std::uint32_t>(target.value->count()),
          .end = 0,
          .rate = static_cast<float>(corrected_rate(rule, target.step)),
          .decay = static_cast<float>(target.step.decay),
          .factor = static_cast<float>(target.step.gradient_factor)};
}

}  // namespace

void update(Device& device, const UpdateRule& rule, std::span<const UpdateTarget> targets) {
  static_assert(sizeof(Update) <= 4096);
  Update update{{rule.kind, static_cast<float>(rule.momentum), static_cast<float>(rule.momentum2),
                 static_cast<float>(rule.epsilon), rule.decay == UpdateRule::Decay::kL1},
                0,
                {}};
  std::int64_t packs = 0;
  const auto launch = [&] {
    for_each(device, packs, update);
    update.count = 0;
    packs = 0;
  };
  constexpr std::int64_t kPacksMax = std::int64_t{1} << 31;
  for (const UpdateTarget& target : targets) {
    const std::int64_t own = (target.value->count() + kPack - 1) / kPack;
    if (update.count == kTargets || (update.count > 0 && packs + own > kPacksMax)) launch();
    packs += own;
    update.targets[update.count] = target_of(rule, target);
    update.targets[update.count++].end = static_cast<std::uint32_t>(packs);
  }
  if (update.count > 0) launch();
}

}  // namespace poseidon::cuda
