#include "bosen/core/subscribers.h"

#include <gtest/gtest.h>

namespace bosen::core {
namespace {

TEST(Subscribers, RemembersProcessesOfJobsOfAnySize) {
  Subscribers subscribers;
  for (const Rank rank : {0, 63, 64, 127, 128, 4095}) {
    EXPECT_FALSE(subscribers.contains(rank));
    EXPECT_TRUE(subscribers.insert(rank));
    EXPECT_FALSE(subscribers.insert(rank));
    EXPECT_TRUE(subscribers.contains(rank));
    EXPECT_FALSE(subscribers.contains(rank + 1));
  }
  for (const Rank rank : {0, 63, 64, 127, 128, 4095}) {
    EXPECT_TRUE(subscribers.erase(rank));
    EXPECT_FALSE(subscribers.erase(rank));
    EXPECT_FALSE(subscribers.contains(rank));
  }
}

TEST(Subscribers, LookingForAProcessTakesNoMemory) {
  const Subscribers subscribers;
  EXPECT_FALSE(subscribers.contains(4095));
  EXPECT_LE(sizeof(Subscribers), 16U);
}

}  // namespace
}  // namespace bosen::core
