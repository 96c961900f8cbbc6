#pragma once

// Chooses which variables of a model to update next: by priority, and so that none of a round depend on each other, as
// dependent ones that change at the same time undo each other's work. STRADS: Lee, Kim, Zheng, Ho, Gibson and Xing, On
// model parallelization and scheduling strategies for distributed machine learning, NIPS 2014.
//
//     PriorityScheduler scheduler(columns, {.round = 64, .seed = 1});
//     for (;;) {
//       const auto round = scheduler.next_round([&](auto variable) { return is_independent_of_the_round(variable); });
//       for (const auto variable : round) scheduler.report(variable, std::abs(update(variable)));
//     }

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bosen/base/random.h"
#include "bosen/schedule/weighted_picker.h"

namespace bosen {

/// Sans I/O, single-threaded, the same rounds from the same seed and reports. Knows nothing of what variables are.
class PriorityScheduler {
 public:
  using Variable = std::uint32_t;
  /// Whether the variable is independent of all that were admitted to this round before. It is part of the round then.
  using Admit = std::function<bool(Variable)>;

  struct Options {
    std::size_t round = 64;      ///< variables of a round, at most
    double candidates = 4;       ///< looked at for each place in a round, at most
    double uniform_share = 0.1;  ///< of picks that look at no priority, so that every variable's turn comes; 0: none
    std::uint64_t seed = 1;
  };

  /// Until a variable is reported it is like all others that are not, and comes after those that have something to
  /// gain.
  PriorityScheduler(std::size_t variables, const Options& options);

  /// The variables of the next round, each once. Fewer than a whole round where candidates were not admitted; those are
  /// looked at first in the round after, so that none is kept away by more eager ones for ever. Fewer also where
  /// nothing has a priority: what is in a round has none until it is reported, as nobody knows what is left to gain
  /// from it.
  std::vector<Variable> next_round(const Admit& admit);

  /// How much there is to gain from a variable; finite, not negative.
  void report(Variable variable, double priority) { priorities_.set(variable, priority); }

 private:
  struct Refusal {
    Variable variable;
    double priority;
  };

  std::optional<Variable> pick();
  void look_at(Variable variable, const Admit& admit, std::vector<Variable>& chosen);

  const Options options_;
  Random random_;
  WeightedPicker priorities_;
  std::vector<std::uint64_t> looked_at_;  ///< by variable: the last round in which it was a candidate
  std::uint64_t round_ = 0;
  std::vector<Refusal> refused_;  ///< of this round, in their order
};

}  // namespace bosen
