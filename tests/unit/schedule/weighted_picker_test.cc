#include "bosen/schedule/weighted_picker.h"

#include <gtest/gtest.h>

#include <vector>

#include "bosen/base/random.h"

namespace bosen {
namespace {

TEST(WeightedPickerTest, PicksByWeight) {
  WeightedPicker picker(std::vector<double>(5));
  EXPECT_EQ(picker.total(), 0);
  picker.set(1, 1);
  picker.set(4, 3);
  EXPECT_EQ(picker.total(), 4);
  EXPECT_EQ(picker.at(0), 1U);
  EXPECT_EQ(picker.at(0.24), 1U);
  EXPECT_EQ(picker.at(0.26), 4U);
  EXPECT_EQ(picker.at(0.999), 4U);
  EXPECT_EQ(picker.at(1), 4U) << "rounding must not lead past the end";
  picker.set(4, 0);
  for (const double place : {0.0, 0.5, 1.0}) EXPECT_EQ(picker.at(place), 1U);
}

TEST(WeightedPickerTest, AgreesWithPlainSums) {
  Random random(5);
  for (const std::size_t count : {1U, 2U, 3U, 7U, 8U, 1000U}) {
    std::vector<double> weights(count);
    for (double& weight : weights) weight = static_cast<double>(random.below(4));
    WeightedPicker picker(weights);
    for (int i = 0; i < 3000; ++i) {
      const auto index = static_cast<std::size_t>(random.below(count));
      weights[index] = static_cast<double>(random.below(4));
      picker.set(index, weights[index]);
      double total = 0;
      for (const double weight : weights) total += weight;
      ASSERT_DOUBLE_EQ(picker.total(), total);
      if (total == 0) continue;
      const double place = random.uniform();
      std::size_t expected = 0;
      for (double left = place * total; left >= weights[expected]; ++expected) left -= weights[expected];
      ASSERT_EQ(picker.at(place), expected);
    }
  }
}

TEST(WeightedPickerTest, ForgetsAWeightThatWasVast) {
  WeightedPicker picker(std::vector<double>(8));
  picker.set(0, 1e20);
  for (std::size_t i = 1; i < picker.size(); ++i) picker.set(i, 1);
  picker.set(0, 0);
  EXPECT_EQ(picker.total(), 7);
  EXPECT_EQ(picker.at(0), 1U);
  EXPECT_EQ(picker.at(0.5), 4U);
}

}  // namespace
}  // namespace bosen
