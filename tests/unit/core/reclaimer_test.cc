#include "bosen/core/reclaimer.h"

#include <gtest/gtest.h>

namespace bosen::core {
namespace {

/// Counts the buffers that came back.
class CountingOwner final : public BufferOwner {
 public:
  BufferRef make(std::size_t bytes = 0) { return BufferRef::adopt(new Buffer(*this, nullptr, bytes)); }
  void release(Buffer* buffer) override {
    ++released;
    delete buffer;
  }
  int released = 0;
};

TEST(Reclaimer, KeepsABufferUntilEveryWorkerHasLookedAway) {
  CountingOwner owner;
  Reclaimer reclaimer(2);
  reclaimer.enter(0);
  reclaimer.enter(1);
  reclaimer.retire(owner.make());
  reclaimer.collect();
  reclaimer.quiesce(0);
  reclaimer.collect();
  EXPECT_EQ(owner.released, 0);
  reclaimer.quiesce(1);
  reclaimer.collect();
  EXPECT_EQ(owner.released, 1);
}

TEST(Reclaimer, KnowsHowMuchWaitsAndForWhom) {
  CountingOwner owner;
  Reclaimer reclaimer(3);
  reclaimer.enter(0);
  reclaimer.enter(1);
  reclaimer.retire(owner.make(100));
  reclaimer.collect();
  reclaimer.quiesce(0);
  reclaimer.retire(owner.make(10));
  reclaimer.collect();
  EXPECT_EQ(reclaimer.retired_bytes(), 110U);
  EXPECT_FALSE(reclaimer.holds_back(0));
  EXPECT_TRUE(reclaimer.holds_back(1));
  EXPECT_FALSE(reclaimer.holds_back(2)) << "it has not begun";
  reclaimer.quiesce(0);
  reclaimer.quiesce(1);
  reclaimer.collect();
  EXPECT_EQ(reclaimer.retired_bytes(), 0U);
}

TEST(Reclaimer, AWorkerThatLookedAwayBeforeDoesNotCount) {
  CountingOwner owner;
  Reclaimer reclaimer(1);
  reclaimer.enter(0);
  reclaimer.quiesce(0);
  reclaimer.retire(owner.make());  // the worker may have seen it since
  reclaimer.collect();
  reclaimer.collect();
  EXPECT_EQ(owner.released, 0);
  reclaimer.quiesce(0);
  reclaimer.collect();
  EXPECT_EQ(owner.released, 1);
}

TEST(Reclaimer, WaitsForNobodyWhoIsAway) {
  CountingOwner owner;
  Reclaimer reclaimer(2);
  reclaimer.retire(owner.make());
  reclaimer.collect();
  EXPECT_EQ(owner.released, 1);
  reclaimer.enter(0);
  reclaimer.retire(owner.make());
  reclaimer.collect();
  EXPECT_EQ(owner.released, 1);
  reclaimer.leave(0);
  reclaimer.collect();
  EXPECT_EQ(owner.released, 2);
}

TEST(Reclaimer, FreesInTheOrderOfRetirement) {
  CountingOwner owner;
  Reclaimer reclaimer(1);
  reclaimer.enter(0);
  reclaimer.retire(owner.make());
  reclaimer.collect();
  reclaimer.quiesce(0);
  reclaimer.retire(owner.make());
  reclaimer.collect();
  EXPECT_EQ(owner.released, 1);
}

TEST(Reclaimer, EpochsPassThoughNothingIsRetired) {
  Reclaimer reclaimer(1);
  reclaimer.enter(0);
  const std::uint64_t evicted_at = reclaimer.now();
  reclaimer.collect();
  reclaimer.quiesce(0);
  EXPECT_GT(reclaimer.oldest_epoch(), evicted_at);
}

TEST(Reclaimer, DropsEverythingWithItself) {
  CountingOwner owner;
  {
    Reclaimer reclaimer(1);
    reclaimer.enter(0);
    reclaimer.retire(owner.make());
  }
  EXPECT_EQ(owner.released, 1);
}

}  // namespace
}  // namespace bosen::core
