#include "bosen/schedule/weighted_picker.h"

#include <gtest/gtest.h>

namespace bosen {
namespace {

TEST(WeightedPickerTest, PicksInProportion) {
  WeightedPicker picker(5);
  picker.set(1, 1);
  picker.set(4, 3);
  EXPECT_EQ(picker.total(), 4);
  EXPECT_EQ(picker.at(0), 1U);
  EXPECT_EQ(picker.at(0.24), 1U);
  EXPECT_EQ(picker.at(0.25), 4U);
  EXPECT_EQ(picker.at(1), 4U);
}

TEST(WeightedPickerTest, ForgetsAWeightThatWasVast) {
  WeightedPicker picker(8);
  picker.set(0, 1e20);
  for (std::size_t i = 1; i < picker.size(); ++i) picker.set(i, 1);
  picker.set(0, 0);
  EXPECT_EQ(picker.total(), 7);
  EXPECT_EQ(picker.at(0), 1U);
  EXPECT_EQ(picker.at(0.5), 4U);
}

TEST(WeightedPickerTest, HasOneIndexAtLeastToPick) {
  WeightedPicker picker(1);
  picker.set(0, 0.5);
  EXPECT_EQ(picker.weight(0), 0.5);
  EXPECT_EQ(picker.at(0.3), 0U);
}

}  // namespace
}  // namespace bosen
