#include "bosen/core/staleness_tuner.h"

#include <algorithm>
#include <cmath>

namespace bosen::core {
namespace {

/// Idle time that is worth a fresher read's price, and idle time that is as good as none.
constexpr double kWorthwhile = 0.05;
constexpr double kNegligible = 0.01;
/// So much of it asks for more than twice the staleness at once.
constexpr double kGreat = 0.1;
/// A raise after which more than this part of it is left has gained little.
constexpr double kStillThere = 0.85;
constexpr int kFutileRaisesMax = 2;
/// Looks that found nothing to gain before less staleness is tried.
constexpr int kCalmLooks = 6;
constexpr int kPauseMax = 64;
/// Progress per clock below this part of what its trend promised has suffered.
constexpr double kSuffers = 0.7;

Clock next_up(Clock staleness) { return std::min(std::max<Clock>(1, 2 * staleness), StalenessTuner::kMost); }

Clock next_down(Clock staleness) { return staleness / 2; }

}  // namespace

void StalenessTuner::idle(double share) {
  no_raise_for_ = std::max(0, no_raise_for_ - 1);
  no_lower_for_ = std::max(0, no_lower_for_ - 1);
  calm_ = share < kNegligible ? calm_ + 1 : 0;
  if (share_before_raise_ > 0) {
    futile_raises_ = share > kStillThere * share_before_raise_ ? futile_raises_ + 1 : 0;
    share_before_raise_ = 0;
    if (futile_raises_ >= kFutileRaisesMax) return take_back();
  }
  if (share > kWorthwhile) return raise(share);
  if (calm_ >= kCalmLooks) lower();
}

void StalenessTuner::raise(double share) {
  if (no_raise_for_ > 0 || staleness_ >= kMost) return;
  // What was lowered because there was nothing to gain is needed after all.
  if (no_lower_for_ == 0) {
    no_lower_for_ = lower_pause_;
    lower_pause_ = std::min(2 * lower_pause_, kPauseMax);
  }
  if (futile_raises_ == 0) before_raises_ = staleness_;
  // From 0 the first step, which hides the network, may well be enough.
  const bool hurries = share > kGreat && staleness_ > 0;
  staleness_ = next_up(hurries ? next_up(staleness_) : staleness_);
  share_before_raise_ = share;
  raised_since_measured_ = true;
}

void StalenessTuner::lower() {
  if (no_lower_for_ > 0 || staleness_ == 0) return;
  staleness_ = next_down(staleness_);
  calm_ = 0;
}

// The last raises gained nothing: back to where they began.
void StalenessTuner::take_back() {
  staleness_ = before_raises_;
  pause_raises();
}

void StalenessTuner::pause_raises() {
  futile_raises_ = 0;
  no_raise_for_ = raise_pause_;
  raise_pause_ = std::min(2 * raise_pause_, kPauseMax);
}

void StalenessTuner::measured(Clock clock, double objective) {
  if (!std::isfinite(objective) || (objective_ && clock <= measured_at_)) return;
  if (objective_) note_progress((*objective_ - objective) / static_cast<double>(clock - measured_at_));
  objective_ = objective;
  measured_at_ = clock;
  raised_since_measured_ = false;
}

void StalenessTuner::note_progress(double progress) {
  const bool known = progress_ > 0;
  const bool suffers = known && progress < kSuffers * progress_ * trend_;
  if (suffers && raised_since_measured_) {
    staleness_ = std::min(before_raises_, next_down(staleness_));
    share_before_raise_ = 0;
    pause_raises();
  }
  // Gains shrink as an optimum comes near: what counts is how fast they usually do. Noise may make them negative.
  if (known && progress > 0) trend_ = std::clamp(0.5 * trend_ + 0.5 * progress / progress_, 0.25, 1.0);
  progress_ = std::max(progress, 0.0);
}

}  // namespace bosen::core
