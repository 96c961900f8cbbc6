#include "poseidon/sync/timeline.h"

#include <gtest/gtest.h>

namespace poseidon {
namespace {

TEST(TimelineTest, TellsWhereItWasFull) {
  Timeline timeline(0, {"ip"});
  for (std::size_t i = 0; i < Timeline::kEventsMax; ++i) timeline.add({.iteration = 3});
  EXPECT_EQ(timeline.full_in(), std::nullopt);
  timeline.add({.iteration = 4});
  timeline.add({.iteration = 5});
  EXPECT_EQ(timeline.events().size(), Timeline::kEventsMax);
  EXPECT_EQ(timeline.full_in(), 4);
}

}  // namespace
}  // namespace poseidon
