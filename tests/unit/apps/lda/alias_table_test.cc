#include "apps/lda/alias_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace lda {
namespace {

constexpr int kDraws = 200'000;

void expect_distribution(const std::vector<float>& weights) {
  AliasTable table;
  table.build(std::vector<float>{1, 2, 3});  // what was there before does not matter
  table.build(weights);
  float total = 0;
  for (const float weight : weights) total += weight;
  EXPECT_FLOAT_EQ(table.total(), total);
  std::vector<int> counts(weights.size(), 0);
  bosen::Random random(7);
  for (int i = 0; i < kDraws; ++i) ++counts[table.draw(random)];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = weights[i] / total;
    EXPECT_NEAR(counts[i] / double{kDraws}, expected, 0.005) << i;
    if (weights[i] == 0) {
      EXPECT_EQ(counts[i], 0) << i;
    }
  }
}

TEST(AliasTableTest, DrawsByWeight) {
  expect_distribution({1});
  expect_distribution({1, 1, 1, 1});
  expect_distribution({0, 5, 0, 1, 0.01F});
  expect_distribution({1000, 1, 1, 1, 1, 1, 1});
}

}  // namespace
}  // namespace lda
