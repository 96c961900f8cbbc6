#include "bosen/sim/compute_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace bosen::sim {
namespace {

using Distribution = ComputeSpec::Distribution;
using Kind = StragglerSpec::Kind;

constexpr int kDraws = 20'000;

SimSpec spec_of(Distribution distribution) {
  SimSpec spec;
  spec.nodes = 2;
  spec.compute = {.distribution = distribution, .mean_ns = 1e6, .deviation_ns = 2e5, .exponent = 3, .profile_ns = {}};
  return spec;
}

double mean_of(const SimSpec& spec, int node = 0) {
  ComputeModel model(spec);
  double sum = 0;
  for (Clock clock = 0; clock < kDraws; ++clock) sum += static_cast<double>(model.time(node, 0, clock, 0));
  return sum / kDraws;
}

TEST(ComputeModelTest, EveryDistributionHasItsMean) {
  for (const Distribution distribution :
       {Distribution::kConstant, Distribution::kUniform, Distribution::kNormal, Distribution::kExponential,
        Distribution::kLognormal, Distribution::kPareto}) {
    EXPECT_NEAR(mean_of(spec_of(distribution)), 1e6, 3e4) << static_cast<int>(distribution);
  }
}

TEST(ComputeModelTest, LognormalTimesHaveTheirDeviation) {
  const SimSpec spec = spec_of(Distribution::kLognormal);
  ComputeModel model(spec);
  double squares = 0;
  for (Clock clock = 0; clock < kDraws; ++clock) {
    squares += std::pow(static_cast<double>(model.time(0, 0, clock, 0)) - 1e6, 2);
  }
  EXPECT_NEAR(std::sqrt(squares / kDraws), 2e5, 1e4);
}

TEST(ComputeModelTest, AProfileBeginsAgainAtItsEnd) {
  SimSpec spec = spec_of(Distribution::kProfile);
  spec.compute.profile_ns = {{10, 20, 30}};
  ComputeModel model(spec);
  EXPECT_EQ(model.time(0, 0, 1, 0), 20);
  EXPECT_EQ(model.time(0, 5, 3, 0), 10);
}

TEST(ComputeModelTest, NodesTakeTheProcessesOfAProfileInTurn) {
  SimSpec spec = spec_of(Distribution::kProfile);
  spec.nodes = 3;
  spec.compute.profile_ns = {{10, 20}, {100}};
  ComputeModel model(spec);
  EXPECT_EQ(model.time(1, 1, 1, 0), 100);
  EXPECT_EQ(model.time(2, 2, 1, 0), 20);
}

TEST(ComputeModelTest, TheAnswerDependsOnNobodyWhoAskedBefore) {
  SimSpec spec = spec_of(Distribution::kLognormal);
  spec.stragglers.push_back({.kind = Kind::kPauses, .nodes = {}, .every = 3'000'000, .lasting = 1'000'000});
  ComputeModel asked_before(spec);
  for (Clock clock = 0; clock < 100; ++clock) (void)asked_before.time(0, 3, clock, clock * 7'000'000);
  ComputeModel fresh(spec);
  EXPECT_EQ(asked_before.time(1, 4, 17, 50'000'000), fresh.time(1, 4, 17, 50'000'000));
  EXPECT_EQ(asked_before.time(0, 4, 17, 50'000'000), fresh.time(0, 4, 17, 50'000'000));
  spec.seed = 2;
  ComputeModel other_seed(spec);
  EXPECT_NE(other_seed.time(1, 4, 17, 50'000'000), fresh.time(1, 4, 17, 50'000'000));
}

TEST(ComputeModelTest, ASlowNodeIsSlowAndTheOthersAreNot) {
  SimSpec spec = spec_of(Distribution::kConstant);
  spec.stragglers.push_back({.kind = Kind::kSlowNode, .nodes = {1}, .factor = 4});
  EXPECT_EQ(mean_of(spec, 0), 1e6);
  EXPECT_EQ(mean_of(spec, 1), 4e6);
}

TEST(ComputeModelTest, RandomSlownessHitsItsShareOfClocks) {
  SimSpec spec = spec_of(Distribution::kConstant);
  spec.stragglers.push_back({.kind = Kind::kRandom, .nodes = {}, .factor = 11, .chance = 0.1});
  EXPECT_NEAR(mean_of(spec), 2e6, 1e5);
}

TEST(ComputeModelTest, APowerLawStaysWithinItsMaximum) {
  SimSpec spec = spec_of(Distribution::kConstant);
  spec.stragglers.push_back({.kind = Kind::kPowerLaw, .nodes = {}, .factor = 50, .exponent = 1});
  ComputeModel model(spec);
  int above_ten = 0;
  for (Clock clock = 0; clock < kDraws; ++clock) {
    const TimeNs time = model.time(0, 0, clock, 0);
    ASSERT_GE(time, 1'000'000);
    ASSERT_LE(time, 50'000'000);
    above_ten += time > 10'000'000 ? 1 : 0;
  }
  EXPECT_NEAR(above_ten, kDraws / 10, kDraws / 50);
}

TEST(ComputeModelTest, PausesTakeTheirShareOfTime) {
  SimSpec spec = spec_of(Distribution::kConstant);
  spec.stragglers.push_back({.kind = Kind::kPauses, .nodes = {}, .every = 10'000'000, .lasting = 2'500'000});
  ComputeModel model(spec);
  TimeNs now = 0;
  for (Clock clock = 0; clock < kDraws; ++clock) now += model.time(0, 0, clock, now);
  // A quarter of the time is paused.
  EXPECT_NEAR(static_cast<double>(now), kDraws * 1e6 / 0.75, kDraws * 1e6 * 0.03);
}

}  // namespace
}  // namespace bosen::sim
