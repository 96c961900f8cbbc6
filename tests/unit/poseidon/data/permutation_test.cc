#include "poseidon/data/permutation.h"

#include <gtest/gtest.h>

#include <limits>

#include <vector>

namespace poseidon {
namespace {

std::vector<std::int64_t> order(std::int64_t count, std::uint64_t seed) {
  const Permutation permutation(count, seed);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(permutation[i]);
  return all;
}

TEST(PermutationTest, NamesEveryNumberOnce) {
  for (const std::int64_t count : {1, 2, 3, 4, 5, 15, 16, 17, 100, 1000, 4097}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      std::vector<int> seen(static_cast<std::size_t>(count));
      for (const std::int64_t number : order(count, seed)) {
        ASSERT_GE(number, 0);
        ASSERT_LT(number, count);
        ASSERT_EQ(seen[static_cast<std::size_t>(number)]++, 0) << number << " of " << count << " twice";
      }
    }
  }
}

TEST(PermutationTest, EndsForPositionsBeyondItsNumbers) {
  const Permutation order(3, 1);
  for (const std::int64_t position : {std::int64_t{-1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_LT(order[position], 3);
  }
}

TEST(PermutationTest, DependsOnItsSeedAlone) {
  EXPECT_EQ(order(1000, 7), order(1000, 7));
  EXPECT_NE(order(1000, 7), order(1000, 8));
}

TEST(PermutationTest, SpreadsNeighboursOut) {
  // Of a random order of n, the mean distance of neighbours is n / 3.
  const std::vector<std::int64_t> all = order(3000, 1);
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < all.size(); ++i) sum += std::abs(all[i] - all[i - 1]);
  const double mean = static_cast<double>(sum) / static_cast<double>(all.size() - 1);
  EXPECT_GT(mean, 900);
  EXPECT_LT(mean, 1100);
}

}  // namespace
}  // namespace poseidon
