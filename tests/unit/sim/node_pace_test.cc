#include "bosen/sim/node_pace.h"

#include <gtest/gtest.h>

namespace bosen::sim {
namespace {

using Kind = StragglerSpec::Kind;

constexpr TimeNs kMs = 1'000'000;

SimSpec spec_of(std::vector<StragglerSpec> stragglers) {
  SimSpec spec;
  spec.nodes = 2;
  spec.stragglers = std::move(stragglers);
  return spec;
}

StragglerSpec pauses(TimeNs every, TimeNs lasting, std::vector<int> nodes = {}) {
  return {.kind = Kind::kPauses, .nodes = std::move(nodes), .every = every, .lasting = lasting};
}

/// The beginning of the node's first pause, to the millisecond.
TimeNs first_pause(NodePace& pace, int node) {
  TimeNs now = 0;
  while (pace.goes_at(node, now) == now) now += kMs;
  return now;
}

TEST(NodePaceTest, ANodeGoesAtOnceWhereNoPauseIsUnderWay) {
  NodePace pace(spec_of({pauses(50 * kMs, 10 * kMs, {1})}));
  EXPECT_EQ(pace.goes_at(0, 7 * kMs), 7 * kMs);
  EXPECT_EQ(pace.stretched(0, 7 * kMs, 1000 * kMs), 1000 * kMs);
}

TEST(NodePaceTest, WorkWithoutEndLastsAsLongAsAnySimulation) {
  NodePace slow(spec_of({}));
  EXPECT_EQ(slow.stretched(0, 0, 1e30), 1'000'000'000'000'000'000);
  NodePace paused(spec_of({pauses(1'000'000'000 * kMs, 999'999'999 * kMs)}));
  EXPECT_GE(paused.stretched(0, 0, 1e18), 1'000'000'000'000'000'000);
}

TEST(NodePaceTest, APauseLastsAsLongAsItShould) {
  NodePace pace(spec_of({pauses(50 * kMs, 10 * kMs)}));
  const TimeNs paused = first_pause(pace, 1);
  const TimeNs end = pace.goes_at(1, paused);
  EXPECT_GT(end - paused, 9 * kMs);
  EXPECT_LE(end - paused, 10 * kMs);
  EXPECT_EQ(pace.goes_at(1, end - 1), end);
}

TEST(NodePaceTest, WorkGoesOnAfterThePause) {
  NodePace pace(spec_of({pauses(50 * kMs, 10 * kMs)}));
  const TimeNs paused = first_pause(pace, 0);
  const TimeNs end = pace.goes_at(0, paused);
  EXPECT_EQ(pace.stretched(0, paused, kMs / 2), end - paused + kMs / 2);
  EXPECT_EQ(pace.stretched(0, end - 12 * kMs, 3 * kMs), 13 * kMs);
}

TEST(NodePaceTest, PausesOfTwoRulesTogetherAreOne) {
  NodePace pace(spec_of({pauses(50 * kMs, 10 * kMs), pauses(40 * kMs, 15 * kMs)}));
  TimeNs stood = 0;
  for (TimeNs now = 0; now < 100'000 * kMs; now += kMs) stood += pace.goes_at(0, now) > now ? 1 : 0;
  // 1 - (1 - 10 / 50) * (1 - 15 / 40) of the time.
  EXPECT_NEAR(static_cast<double>(stood) / 100'000, 0.5, 0.03);
}

TEST(NodePaceTest, TwoOfThemSayTheSame) {
  const SimSpec spec = spec_of({pauses(50 * kMs, 10 * kMs)});
  NodePace first(spec);
  NodePace second(spec);
  EXPECT_EQ(second.goes_at(1, 900 * kMs), first.goes_at(1, 900 * kMs));
  for (TimeNs now = 0; now < 2000 * kMs; now += 3 * kMs) EXPECT_EQ(first.goes_at(1, now), second.goes_at(1, now));
  EXPECT_NE(first_pause(first, 0), first_pause(first, 1)) << "nodes pause by themselves";
}

TEST(NodePaceTest, ASlowNodesWorkTakesLonger) {
  const NodePace pace(spec_of({{.kind = Kind::kSlowNode, .nodes = {1}, .factor = 3}}));
  EXPECT_DOUBLE_EQ(pace.slowness(0), 1);
  EXPECT_DOUBLE_EQ(pace.slowness(1), 3);
}

}  // namespace
}  // namespace bosen::sim
