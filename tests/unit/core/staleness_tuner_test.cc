#include "bosen/core/staleness_tuner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

namespace bosen::core {
namespace {

/// Looks `looks` times at a job of which the idle share at a staleness is share(staleness).
template <class Share>
void run(StalenessTuner& tuner, int looks, const Share& share) {
  for (int i = 0; i < looks; ++i) tuner.idle(share(tuner.staleness()));
}

TEST(StalenessTunerTest, RaisesWhileIdleTimeFalls) {
  StalenessTuner tuner;
  run(tuner, 10, [](Clock staleness) { return 1.0 / static_cast<double>(1 + staleness); });
  EXPECT_EQ(tuner.staleness(), 32) << "at 16 a share of 0.06 was left, at 32 one of 0.03";
}

TEST(StalenessTunerTest, HurriesWhereMuchIsIdle) {
  StalenessTuner tuner;
  tuner.idle(0.15);
  EXPECT_EQ(tuner.staleness(), 4 * StalenessTuner::kStart);
}

TEST(StalenessTunerTest, TakesOneStepFromNoStalenessHoweverMuchIsIdle) {
  StalenessTuner tuner;
  run(tuner, 100, [](Clock staleness) { return staleness >= 1 ? 0.0 : 0.5; });
  Clock most = 0;
  run(tuner, 200, [&](Clock staleness) {
    most = std::max(most, staleness);
    return staleness >= 1 ? 0.0 : 0.5;
  });
  EXPECT_EQ(most, 1);
}

TEST(StalenessTunerTest, NeverGoesBeyondItsBounds) {
  StalenessTuner tuner;
  double share = 1;
  for (int i = 0; i < 100; ++i) {
    tuner.idle(share *= 0.8);
    EXPECT_GE(tuner.staleness(), 0);
    EXPECT_LE(tuner.staleness(), StalenessTuner::kMost);
  }
}

TEST(StalenessTunerTest, GoesBackWhereMoreStalenessGainsNothing) {
  StalenessTuner tuner;
  run(tuner, 3, [](Clock) { return 0.1; });
  EXPECT_EQ(tuner.staleness(), StalenessTuner::kStart) << "more was tried, in vain";
  run(tuner, 3, [](Clock) { return 0.1; });
  EXPECT_EQ(tuner.staleness(), StalenessTuner::kStart) << "and are not tried again soon";
}

TEST(StalenessTunerTest, TriesWhatFailedEverMoreRarely) {
  StalenessTuner tuner;
  int above = 0;
  run(tuner, 400, [&](Clock staleness) {
    above += staleness > StalenessTuner::kStart ? 1 : 0;
    return 0.1;
  });
  EXPECT_GT(above, 4);
  EXPECT_LT(above, 40);
}

TEST(StalenessTunerTest, PrefersFreshReadsWhereNothingIsIdle) {
  StalenessTuner tuner;
  run(tuner, 40, [](Clock staleness) { return staleness >= 1 ? 0.002 : 0.2; });
  std::set<Clock> settled;
  run(tuner, 12, [&](Clock staleness) {
    settled.insert(staleness);
    return staleness >= 1 ? 0.002 : 0.2;
  });
  EXPECT_TRUE(settled.contains(1));
  EXPECT_LE(*settled.rbegin(), 1) << "0 is tried again now and then, more than 1 is not";
}

TEST(StalenessTunerTest, TakesARaiseBackThatCostsProgress) {
  StalenessTuner tuner;
  tuner.measured(0, 10);
  tuner.measured(10, 9);
  tuner.measured(20, 8);
  tuner.idle(0.1);
  EXPECT_EQ(tuner.staleness(), 2 * StalenessTuner::kStart);
  tuner.measured(30, 7.9);
  EXPECT_EQ(tuner.staleness(), StalenessTuner::kStart);
  tuner.idle(0.3);
  EXPECT_EQ(tuner.staleness(), StalenessTuner::kStart) << "not again at once";
}

TEST(StalenessTunerTest, DoesNotTakeTheOrdinarySlowingDownForHarm) {
  StalenessTuner tuner;
  double objective = 10;
  double gain = 1;
  for (Clock clock = 0; clock < 80; clock += 10) {
    tuner.measured(clock, objective);
    objective -= gain;
    gain *= 0.8;
  }
  tuner.idle(0.1);
  tuner.measured(80, objective);
  EXPECT_EQ(tuner.staleness(), 2 * StalenessTuner::kStart);
}

TEST(StalenessTunerTest, IgnoresMeasurementsThatSayNothing) {
  StalenessTuner tuner;
  tuner.measured(10, 5);
  tuner.measured(10, 1);
  tuner.measured(20, std::numeric_limits<double>::quiet_NaN());
  tuner.measured(5, 100);
  EXPECT_EQ(tuner.staleness(), StalenessTuner::kStart);
}

}  // namespace
}  // namespace bosen::core
