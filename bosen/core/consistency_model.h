#pragma once

// The consistency models as values: a row of answers each. Everything else asks these and never which model it is.
// SSP: Ho et al., NIPS 2013; ESSP: Dai et al., AAAI 2015.

#include "bosen/base/consistency.h"
#include "bosen/base/types.h"

namespace bosen::core {

/// When a shard sends changed rows, unasked, to processes that have read them before.
enum class PushRule {
  kNever,
  kAfterMinimumClock,  ///< when the slowest worker has advanced
  kAfterOwnClock,      ///< when a worker of that process has advanced
};

struct ConsistencyModel {
  bool bounded;  ///< reads at clock c need all updates with timestamps before c - staleness
  bool exact;    ///< reads show nothing of clocks that are not finished by all; the staleness is 0
  PushRule push;
  Clock staleness = 0;

  /// Timestamps below the returned clock must show in a read at `clock`. Never negative: every copy of a row is at
  /// least as new as clock 0.
  [[nodiscard]] Clock needed(Clock clock) const { return needed(clock, staleness); }
  /// The same with another staleness than the table was made with.
  [[nodiscard]] Clock needed(Clock clock, Clock other) const { return bounded && clock > other ? clock - other : 0; }
  /// Whether the staleness means anything.
  [[nodiscard]] bool has_staleness() const { return bounded && !exact; }
  /// Whether a shard whose slowest worker is at `minimum` may answer a read that needs `needed`.
  [[nodiscard]] bool may_answer(Clock minimum, Clock needed) const { return !bounded || minimum >= needed; }
};

inline ConsistencyModel consistency_model(Consistency consistency, Clock staleness) {
  switch (consistency) {
    case Consistency::kBsp:
      return {.bounded = true, .exact = true, .push = PushRule::kAfterMinimumClock, .staleness = 0};
    case Consistency::kSsp:
      return {.bounded = true, .exact = false, .push = PushRule::kNever, .staleness = staleness};
    case Consistency::kEssp:
      return {.bounded = true, .exact = false, .push = PushRule::kAfterMinimumClock, .staleness = staleness};
    case Consistency::kAsp:
      break;
  }
  return {.bounded = false, .exact = false, .push = PushRule::kAfterOwnClock, .staleness = 0};
}

}  // namespace bosen::core
