#include "bosen/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <vector>

namespace bosen {
namespace {

TEST(RandomTest, GivesTheSameNumbersForTheSameSeed) {
  // The published sequence of SplitMix64 for this seed.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
}

TEST(RandomTest, GivesOtherNumbersForEverySeedAndStream) {
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t first = 0; first < 4; ++first) {
      for (std::uint64_t second = 0; second < 4; ++second) firsts.insert(Random(seed, first, second).next());
    }
  }
  EXPECT_EQ(firsts.size(), 64U);
}

TEST(RandomTest, StaysBelowTheBoundAndReachesEveryNumber) {
  Random random(1);
  std::array<int, 5> counts{};
  for (int i = 0; i < 5000; ++i) ++counts.at(random.below(5));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(RandomTest, DrawsNormalNumbersWithMeanZeroAndDeviationOne) {
  Random random(1);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const double number = random.normal();
    sum += number;
    squares += number * number;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1, 0.05);
}

TEST(RandomTest, ShufflesWithoutLosingAnything) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  const std::vector<int> sorted = items;
  Random(1).shuffle(std::span(items));
  EXPECT_NE(items, sorted);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, sorted);
}

}  // namespace
}  // namespace bosen
