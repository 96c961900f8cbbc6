#include "bosen/core/consistency_model.h"

#include <gtest/gtest.h>

namespace bosen::core {
namespace {

TEST(ConsistencyModel, BoundedReadsNeedEverythingOlderThanTheStaleness) {
  for (const Consistency consistency : {Consistency::kSsp, Consistency::kEssp}) {
    const ConsistencyModel model = consistency_model(consistency, 3);
    EXPECT_EQ(model.needed(10), 7);
    EXPECT_EQ(model.needed(3), 0);
    EXPECT_EQ(model.needed(0), 0);
    EXPECT_FALSE(model.may_answer(6, 7));
    EXPECT_TRUE(model.may_answer(7, 7));
    EXPECT_FALSE(model.exact);
  }
}

TEST(ConsistencyModel, BspNeedsEverythingAndIsExactWhateverTheStaleness) {
  const ConsistencyModel model = consistency_model(Consistency::kBsp, 5);
  EXPECT_EQ(model.needed(10), 10);
  EXPECT_TRUE(model.exact);
  EXPECT_EQ(model.push, PushRule::kAfterMinimumClock);
}

TEST(ConsistencyModel, AspNeedsNothingAndWaitsForNobody) {
  const ConsistencyModel model = consistency_model(Consistency::kAsp, 5);
  EXPECT_EQ(model.needed(1'000'000), 0);
  EXPECT_TRUE(model.may_answer(0, 1'000'000));
  EXPECT_EQ(model.push, PushRule::kAfterOwnClock);
}

TEST(ConsistencyModel, OnlySspNeverPushes) {
  EXPECT_EQ(consistency_model(Consistency::kSsp, 1).push, PushRule::kNever);
  EXPECT_EQ(consistency_model(Consistency::kEssp, 1).push, PushRule::kAfterMinimumClock);
}

}  // namespace
}  // namespace bosen::core
