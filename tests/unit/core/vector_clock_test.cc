#include "bosen/core/vector_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

TEST(VectorClock, TheMinimumGrowsWithTheSlowest) {
  VectorClock clocks(3);
  EXPECT_FALSE(clocks.advance(0, 1));
  EXPECT_FALSE(clocks.advance(1, 5));
  EXPECT_EQ(clocks.minimum(), 0);
  EXPECT_TRUE(clocks.advance(2, 2));
  EXPECT_EQ(clocks.minimum(), 1);
}

TEST(VectorClock, AClockNeverGoesBack) {
  VectorClock clocks(1);
  EXPECT_TRUE(clocks.advance(0, 3));
  EXPECT_FALSE(clocks.advance(0, 3));
  EXPECT_FALSE(clocks.advance(0, 2));
  EXPECT_EQ(clocks.of(0), 3);
}

TEST(VectorClock, AFinishedWorkerHoldsNobodyBack) {
  VectorClock clocks(2);
  clocks.advance(0, std::numeric_limits<Clock>::max());
  EXPECT_TRUE(clocks.advance(1, 7));
  EXPECT_EQ(clocks.minimum(), 7);
  EXPECT_TRUE(clocks.advance(1, std::numeric_limits<Clock>::max()));
}

TEST(VectorClock, AgreesWithAPlainMinimumAtEveryStep) {
  testing::SimRandom random(1);
  VectorClock clocks(5);
  std::vector<Clock> plain(5, 0);
  for (int step = 0; step < 10'000; ++step) {
    const auto worker = static_cast<std::size_t>(random.below(5));
    const Clock before = *std::min_element(plain.begin(), plain.end());
    plain[worker] += random.between(0, 2);
    const Clock after = *std::min_element(plain.begin(), plain.end());
    EXPECT_EQ(clocks.advance(worker, plain[worker]), after > before);
    EXPECT_EQ(clocks.minimum(), after);
  }
}

}  // namespace
}  // namespace bosen::core
