// Solver steps: each one pass over a parameter, its gradient and its history.

#include <cmath>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

/// What all rules share.
struct Step {
  float rate, decay, factor, momentum, momentum2, epsilon;
  bool decays_by_sign;

  /// What the value w steps against.
  [[nodiscard]] float slope(float gradient, float w) const {
    const float sign = static_cast<float>(w > 0) - static_cast<float>(w < 0);
    return factor * gradient + decay * (decays_by_sign ? sign : w);
  }
};

// h = momentum h + rate g; w -= h.
POSEIDON_VECTORISED void sgd(const Step& s, float* w, const float* gradient, float* h, std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    h[i] = step.momentum * h[i] + step.rate * g;
    w[i] -= h[i];
  }
}

// h' = momentum h + rate g; w -= (1 + momentum) h' - momentum h.
POSEIDON_VECTORISED void nesterov(const Step& s, float* w, const float* gradient, float* h, std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    const float before = h[i];
    h[i] = step.momentum * before + step.rate * g;
    w[i] -= (1 + step.momentum) * h[i] - step.momentum * before;
  }
}

// h += g^2; w -= rate g / (sqrt(h) + epsilon).
POSEIDON_VECTORISED void adagrad(const Step& s, float* w, const float* gradient, float* h, std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    h[i] += g * g;
    w[i] -= step.rate * g / (std::sqrt(h[i]) + step.epsilon);
  }
}

// h = momentum h + (1 - momentum) g^2; w -= rate g / (sqrt(h) + epsilon). Tieleman & Hinton, 2012.
POSEIDON_VECTORISED void rmsprop(const Step& s, float* w, const float* gradient, float* h, std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    h[i] = step.momentum * h[i] + (1 - step.momentum) * g * g;
    w[i] -= step.rate * g / (std::sqrt(h[i]) + step.epsilon);
  }
}

// Zeiler, arXiv 2012: h and d are means of the squares of gradients and of steps.
POSEIDON_VECTORISED void adadelta(const Step& s, float* w, const float* gradient, float* h, float* d,
                                  std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    h[i] = step.momentum * h[i] + (1 - step.momentum) * g * g;
    const float change = g * std::sqrt((d[i] + step.epsilon) / (h[i] + step.epsilon));
    d[i] = step.momentum * d[i] + (1 - step.momentum) * change * change;
    w[i] -= step.rate * change;
  }
}

// Kingma & Ba, ICLR 2015; the correction of both moments is in the rate, as in Caffe.
POSEIDON_VECTORISED void adam(const Step& s, float* w, const float* gradient, float* m, float* v, std::size_t count) {
  const Step step = s;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = step.slope(gradient[i], w[i]);
    m[i] = step.momentum * m[i] + (1 - step.momentum) * g;
    v[i] = step.momentum2 * v[i] + (1 - step.momentum2) * g * g;
    w[i] -= step.rate * m[i] / (std::sqrt(v[i]) + step.epsilon);
  }
}

double corrected_rate(const UpdateRule& rule, const UpdateStep& step) {
  if (rule.kind != UpdateRule::Kind::kAdam) return step.rate;
  const auto t = static_cast<double>(step.iteration + 1);
  return step.rate * std::sqrt(1 - std::pow(rule.momentum2, t)) / (1 - std::pow(rule.momentum, t));
}

}  // namespace

void update(const UpdateRule& rule, const UpdateTarget& target) {
  const Step step{.rate = static_cast<float>(corrected_rate(rule, target.step)),
                  .decay = static_cast<float>(target.step.decay),
                  .factor = static_cast<float>(target.step.gradient_factor),
                  .momentum = static_cast<float>(rule.momentum),
                  .momentum2 = static_cast<float>(rule.momentum2),
                  .epsilon = static_cast<float>(rule.epsilon),
                  .decays_by_sign = rule.decay == UpdateRule::Decay::kL1};
  float* const value = target.value->data();
  const float* const gradient = target.gradient->data();
  float* const first_history = target.history[0].data();
  float* const second_history = target.history.size() > 1 ? target.history[1].data() : nullptr;
  parallel(static_cast<std::size_t>(target.value->count()), [&](std::size_t first, std::size_t end) {
    const std::size_t count = end - first;
    switch (rule.kind) {
      case UpdateRule::Kind::kSgd:
        return sgd(step, value + first, gradient + first, first_history + first, count);
      case UpdateRule::Kind::kNesterov:
        return nesterov(step, value + first, gradient + first, first_history + first, count);
      case UpdateRule::Kind::kAdaGrad:
        return adagrad(step, value + first, gradient + first, first_history + first, count);
      case UpdateRule::Kind::kRmsProp:
        return rmsprop(step, value + first, gradient + first, first_history + first, count);
      case UpdateRule::Kind::kAdaDelta:
        return adadelta(step, value + first, gradient + first, first_history + first, second_history + first, count);
      case UpdateRule::Kind::kAdam:
        return adam(step, value + first, gradient + first, first_history + first, second_history + first, count);
    }
  });
}

}  // namespace poseidon::cpu
