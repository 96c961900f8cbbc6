// Tables and channels of higher priority go first over a network that is busy.

#include <gtest/gtest.h>

#include "tests/support/simulated_training.h"

namespace bosen::testing {
namespace {

double iteration_ms(int nodes, double gigabits_per_s, bool prioritised) {
  return SimulatedTraining(vgg19(75), {.nodes = nodes, .gigabits_per_s = gigabits_per_s, .prioritised = prioritised})
      .run();
}

TEST(PriorityTest, TheNextForwardRunsWhileTheLastGradientsTravel) {
  // Each node sends 3/4 of 80 MB of gradients, as much of sums, and 3 times 5.4 MB of factors: 116 ms with TCP's own.
  EXPECT_LT(iteration_ms(4, 10, true), 120);
  EXPECT_GT(iteration_ms(4, 10, false), 130);
}

TEST(PriorityTest, CostsNothingWhereTheNetworkIsFast) {
  EXPECT_LT(iteration_ms(2, 40, true), 1.02 * iteration_ms(2, 40, false));
}

}  // namespace
}  // namespace bosen::testing
