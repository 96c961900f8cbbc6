#include "poseidon/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace poseidon {
namespace {

bool overlap(const Lifetime& a, std::size_t a_offset, const Lifetime& b, std::size_t b_offset) {
  const bool in_time = a.first <= b.last && b.first <= a.last;
  return in_time && a_offset < b_offset + b.bytes && b_offset < a_offset + a.bytes;
}

TEST(MemoryPlanTest, LaysWhatLivesAtDifferentTimesOverEachOther) {
  const std::vector<Lifetime> lifetimes{{1024, 0, 1}, {1024, 2, 3}, {512, 4, 9}};
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_EQ(plan.bytes, 1024U);
  EXPECT_EQ(plan.offsets, (std::vector<std::size_t>{0, 0, 0}));
}

TEST(MemoryPlanTest, KeepsApartWhatMeetsInOneStep) {
  const std::vector<Lifetime> lifetimes{{1024, 0, 1}, {1024, 1, 2}};
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_EQ(plan.bytes, 2048U);
  EXPECT_NE(plan.offsets[0], plan.offsets[1]);
}

TEST(MemoryPlanTest, PutsASmallOneIntoAGap) {
  // Two large ones that live from 0 to 3 and a small one between: the third large one leaves a gap when it dies.
  const std::vector<Lifetime> lifetimes{{4096, 0, 3}, {4096, 0, 1}, {4096, 0, 3}, {256, 2, 3}};
  EXPECT_EQ(plan_memory(lifetimes).bytes, 3 * 4096U);
}

TEST(MemoryPlanTest, PlansNothing) {
  EXPECT_EQ(plan_memory({}).bytes, 0U);
  const std::vector<Lifetime> nothing{{0, 0, 1}};
  EXPECT_EQ(plan_memory(nothing).offsets.size(), 1U);
}

TEST(MemoryPlanTest, NeverOverlapsWhatLivesTogether) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
    std::vector<Lifetime> lifetimes(static_cast<std::size_t>(1 + pick(40)));
    std::size_t all = 0;
    for (Lifetime& lifetime : lifetimes) {
      const int first = pick(30);
      lifetime = {static_cast<std::size_t>(pick(5000)), first, first + pick(12)};
      all += lifetime.bytes + kPlanAlignment;
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    EXPECT_LE(plan.bytes, all);
    for (std::size_t i = 0; i < lifetimes.size(); ++i) {
      ASSERT_EQ(plan.offsets[i] % kPlanAlignment, 0U);
      ASSERT_LE(plan.offsets[i] + lifetimes[i].bytes, plan.bytes);
      for (std::size_t k = 0; k < i; ++k) {
        ASSERT_FALSE(overlap(lifetimes[i], plan.offsets[i], lifetimes[k], plan.offsets[k]))
            << "seed " << seed << ", " << i << " and " << k;
      }
    }
  }
}

TEST(MemoryPlanTest, NeedsNoMoreThanWhatLivesAtOnceInAChain) {
  // Activations of a net without backward: two neighbours live at once.
  std::vector<Lifetime> chain;
  for (int i = 0; i < 50; ++i) chain.push_back({1024, i, i + 1});
  EXPECT_EQ(plan_memory(chain).bytes, 2048U);
}

}  // namespace
}  // namespace poseidon
