#pragma once

// Chooses the staleness of a running job (`--staleness auto`). Sans I/O, single-threaded; worker 0's process owns it.
//
// What it goes by. In the long run a job's clocks pass no faster than its slowest worker computes, so what staleness
// can gain is the time of a clock beyond the slowest worker's own computing: with one slow node that is next to
// nothing, however long the others wait for it; with pauses that strike now this node, now that, it is a lot. So the
// staleness is raised while that idle share is worth having and keeps falling, and lowered where there is none, as
// fresher reads make more progress per clock (Ho et al., NIPS 2013, section 3: error per clock grows with staleness).
// Where progress per clock falls behind its own trend after a raise, the raise is taken back.

#include <cstdint>
#include <optional>

#include "bosen/base/options.h"

namespace bosen::core {

class StalenessTuner {
 public:
  static constexpr Clock kStart = kTunedStalenessStart;
  static constexpr Clock kMost = kTunedStalenessMost;

  [[nodiscard]] Clock staleness() const { return staleness_; }

  /// The share of a clock's time, of late and at the current staleness, beyond what the slowest worker computes a clock
  /// in the long run.
  void idle(double share);
  /// The objective, of which less is better, as it was measured at a clock.
  void measured(Clock clock, double objective);

 private:
  void raise(double share);
  void lower();
  void take_back();
  void pause_raises();
  void note_progress(double progress);

  Clock staleness_ = kStart;
  double share_before_raise_ = 0;  ///< 0: the last change was no raise
  Clock before_raises_ = 0;        ///< the staleness at which the raises in a row began
  int futile_raises_ = 0;          ///< in a row, which gained little
  int calm_ = 0;                   ///< looks in a row that found next to nothing to gain
  // Looks until it may be tried again, and how many that will be next time: what failed is tried ever more rarely.
  int no_raise_for_ = 0;
  int raise_pause_ = 4;
  int no_lower_for_ = 0;
  int lower_pause_ = 4;

  std::optional<double> objective_;
  Clock measured_at_ = 0;
  bool raised_since_measured_ = false;
  double progress_ = 0;  ///< of the objective a clock, between the last two measurements; 0: not known
  double trend_ = 1;     ///< by how much progress changes from one measurement to the next
};

}  // namespace bosen::core
