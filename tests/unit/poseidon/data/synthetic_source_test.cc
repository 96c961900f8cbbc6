#include "poseidon/data/synthetic_source.h"

#include <gtest/gtest.h>

#include <set>

namespace poseidon {
namespace {

TEST(SyntheticSourceTest, GivesTheSameBatchAgainAndAgain) {
  SyntheticSource source({4, 3, 5, 2}, 10, 1);
  const Batch* const first = &source.next();
  EXPECT_EQ(first->images.size(), 120U);
  EXPECT_EQ(first->labels.size(), 4U);
  source.seek(17);
  EXPECT_EQ(&source.next(), first);
  EXPECT_EQ(source.waited_s(), 0);
  EXPECT_EQ(source.shape(), (Shape{4, 3, 5, 2}));
}

TEST(SyntheticSourceTest, StaysInItsBounds) {
  SyntheticSource source({300, 1, 2, 2}, 3, 1);
  const Batch& batch = source.next();
  std::set<float> labels(batch.labels.begin(), batch.labels.end());
  EXPECT_EQ(labels, (std::set<float>{0, 1, 2}));
  float least = 0;
  float most = 0;
  for (const float value : batch.images) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_GE(least, -1.0F);
  EXPECT_LT(least, -0.9F);
  EXPECT_LE(most, 1.0F);
  EXPECT_GT(most, 0.9F);
}

TEST(SyntheticSourceTest, TakesNoMemoryBeforeItIsAskedForABatch) {
  constexpr std::int64_t kMoreThanThereIs = 1'000'000'000;
  const SyntheticSource source({kMoreThanThereIs, 3, 1000, 1000}, 10, 1);
  EXPECT_EQ(source.examples(), kMoreThanThereIs);
}

TEST(SyntheticSourceTest, DependsOnItsSeed) {
  SyntheticSource one({2, 1, 4, 4}, 3, 1);
  SyntheticSource same({2, 1, 4, 4}, 3, 1);
  SyntheticSource other({2, 1, 4, 4}, 3, 2);
  EXPECT_EQ(one.next().images, same.next().images);
  EXPECT_NE(one.next().images, other.next().images);
}

}  // namespace
}  // namespace poseidon
