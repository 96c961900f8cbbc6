#pragma once

// How fast a solver learns at an iteration: Caffe's policies, with warm-up.

#include <cstdint>
#include <vector>

namespace poseidon {

/// A value; see `learning_rate` for what its fields do.
struct LearningRatePolicy {
  enum class Kind { kFixed, kStep, kMultistep, kInv, kExp, kPoly, kSigmoid };

  Kind kind = Kind::kFixed;
  double base = 0.01;
  double gamma = 1;                            ///< step, multistep, inv, exp, sigmoid
  double power = 1;                            ///< inv, poly
  std::int64_t step_size = 1;                  ///< step, sigmoid
  std::vector<std::int64_t> step_values = {};  ///< multistep; in order
  std::int64_t max_iterations = 1;             ///< poly
  std::int64_t warmup_iterations = 0;  ///< for so long the rate grows linearly from `warmup_start` to the policy's
  double warmup_start = 0;
};

/// The rate for iteration 0, 1, ...:
///
///     fixed      base
///     step       base * gamma^floor(iteration / step_size)
///     multistep  base * gamma^(number of step_values <= iteration)
///     inv        base * (1 + gamma * iteration)^-power
///     exp        base * gamma^iteration
///     poly       base * (1 - iteration / max_iterations)^power, 0 from max_iterations on
///     sigmoid    base / (1 + e^(-gamma * (iteration - step_size)))
[[nodiscard]] double learning_rate(const LearningRatePolicy& policy, std::int64_t iteration);

}  // namespace poseidon
