#include "poseidon/solver/learning_rate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace poseidon {
namespace {

using Kind = LearningRatePolicy::Kind;

TEST(LearningRateTest, FixedStaysTheBase) {
  const LearningRatePolicy policy{.kind = Kind::kFixed, .base = 0.1};
  for (const std::int64_t iteration : {0, 1, 1000}) EXPECT_DOUBLE_EQ(learning_rate(policy, iteration), 0.1);
}

TEST(LearningRateTest, StepFallsEverySoManyIterations) {
  const LearningRatePolicy policy{.kind = Kind::kStep, .base = 0.1, .gamma = 0.5, .step_size = 10};
  EXPECT_DOUBLE_EQ(learning_rate(policy, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 9), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 10), 0.05);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 39), 0.0125);
}

TEST(LearningRateTest, MultistepFallsAtTheIterationsGiven) {
  const LearningRatePolicy policy{.kind = Kind::kMultistep, .base = 1, .gamma = 0.1, .step_values = {5, 5, 20}};
  EXPECT_DOUBLE_EQ(learning_rate(policy, 4), 1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 5), 0.1 * 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 19), 0.1 * 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 20), std::pow(0.1, 3));
}

TEST(LearningRateTest, InvExpPolyAndSigmoidFollowCaffesFormulas) {
  const LearningRatePolicy inv{.kind = Kind::kInv, .base = 0.01, .gamma = 0.0001, .power = 0.75};
  EXPECT_DOUBLE_EQ(learning_rate(inv, 10000), 0.01 * std::pow(2, -0.75));
  const LearningRatePolicy exponential{.kind = Kind::kExp, .base = 0.01, .gamma = 0.99};
  EXPECT_DOUBLE_EQ(learning_rate(exponential, 100), 0.01 * std::pow(0.99, 100));
  const LearningRatePolicy poly{.kind = Kind::kPoly, .base = 0.01, .power = 0.5, .max_iterations = 400};
  EXPECT_DOUBLE_EQ(learning_rate(poly, 0), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate(poly, 300), 0.01 * 0.5);
  EXPECT_EQ(learning_rate(poly, 400), 0);
  EXPECT_EQ(learning_rate(poly, 401), 0);
  const LearningRatePolicy sigmoid{.kind = Kind::kSigmoid, .base = 0.01, .gamma = -0.1, .step_size = 100};
  EXPECT_DOUBLE_EQ(learning_rate(sigmoid, 100), 0.005);
  EXPECT_DOUBLE_EQ(learning_rate(sigmoid, 110), 0.01 / (1 + std::exp(1)));
}

TEST(LearningRateTest, WarmUpGrowsFromItsStartToThePolicy) {
  const LearningRatePolicy policy{
      .kind = Kind::kStep, .base = 1, .gamma = 0.1, .step_size = 100, .warmup_iterations = 10, .warmup_start = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate(policy, 0), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 5), 0.6);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(policy, 100), 0.1);
}

}  // namespace
}  // namespace poseidon
