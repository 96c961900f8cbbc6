#include "bosen/schedule/priority_scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace bosen {
namespace {

using Variable = PriorityScheduler::Variable;
using Round = std::vector<Variable>;

bool anybody(Variable /*variable*/) { return true; }

TEST(PrioritySchedulerTest, TakesEveryVariableOnceARound) {
  PriorityScheduler scheduler(20, {.round = 50, .candidates = 40});
  Round round = scheduler.next_round(anybody);
  EXPECT_EQ(round.size(), 20U);
  std::sort(round.begin(), round.end());
  for (Variable i = 0; i < 20; ++i) EXPECT_EQ(round[i], i);
}

TEST(PrioritySchedulerTest, PrefersWhatHasMuchToGain) {
  PriorityScheduler scheduler(1000, {.round = 10, .uniform_share = 0.1, .seed = 3});
  for (const Variable variable : {7U, 8U, 9U}) scheduler.report(variable, 100);
  int chosen = 0;
  for (int i = 0; i < 100; ++i) {
    for (const Variable variable : scheduler.next_round(anybody)) {
      const bool is_eager = variable >= 7 && variable <= 9;
      chosen += is_eager ? 1 : 0;
      scheduler.report(variable, is_eager ? 100 : 0);
    }
  }
  EXPECT_EQ(chosen, 300);
}

TEST(PrioritySchedulerTest, GivesEveryVariableItsTurn) {
  PriorityScheduler scheduler(500, {.round = 20});
  scheduler.report(0, 1e9);
  std::set<Variable> seen;
  for (int i = 0; i < 2000; ++i) {
    for (const Variable variable : scheduler.next_round(anybody)) {
      seen.insert(variable);
      scheduler.report(variable, variable == 0 ? 1e9 : 0);
    }
  }
  EXPECT_EQ(seen.size(), 500U);
}

TEST(PrioritySchedulerTest, KeepsDependentVariablesApart) {
  // Variables of the same tens depend on each other.
  PriorityScheduler scheduler(300, {.round = 40, .seed = 2});
  for (int i = 0; i < 50; ++i) {
    std::set<Variable> tens;
    const Round round = scheduler.next_round([&](Variable variable) { return tens.insert(variable / 10).second; });
    std::set<Variable> chosen;
    for (const Variable variable : round) EXPECT_TRUE(chosen.insert(variable / 10).second);
    EXPECT_EQ(round.size(), 30U);
    for (const Variable variable : round) scheduler.report(variable, 1);
  }
}

TEST(PrioritySchedulerTest, LooksFirstAtWhomItHadToRefuse) {
  // 1 depends on 0, which is far more eager.
  PriorityScheduler scheduler(2, {.round = 2, .candidates = 20, .uniform_share = 0.5});
  scheduler.report(0, 1e12);
  int turns = 0;
  for (int i = 0; i < 40; ++i) {
    bool taken = false;
    const Round round = scheduler.next_round([&](Variable) { return !std::exchange(taken, true); });
    ASSERT_EQ(round.size(), 1U);
    turns += round.front() == 1 ? 1 : 0;
    scheduler.report(round.front(), round.front() == 0 ? 1e12 : 1);
  }
  EXPECT_GE(turns, 15);
}

TEST(PrioritySchedulerTest, TheSameSeedGivesTheSameRounds) {
  const auto rounds = [](std::uint64_t seed) {
    PriorityScheduler scheduler(100, {.round = 8, .seed = seed});
    std::vector<Round> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(scheduler.next_round([](Variable variable) { return variable % 3 != 0; }));
      for (const Variable variable : all.back()) scheduler.report(variable, variable);
    }
    return all;
  };
  EXPECT_EQ(rounds(1), rounds(1));
  EXPECT_NE(rounds(1), rounds(2));
}

TEST(PrioritySchedulerTest, WhatIsUnderWayIsNotPickedAgainBeforeItIsReported) {
  PriorityScheduler scheduler(3, {.round = 1, .uniform_share = 0});
  scheduler.report(0, 1e9);
  scheduler.report(1, 1);
  scheduler.report(2, 0);
  EXPECT_EQ(scheduler.next_round(anybody), Round{0});
  EXPECT_EQ(scheduler.next_round(anybody), Round{1});
  EXPECT_EQ(scheduler.next_round(anybody), Round{});
  scheduler.report(0, 1e9);
  EXPECT_EQ(scheduler.next_round(anybody), Round{0});
}

TEST(PrioritySchedulerTest, KeepsThePriorityOfWhatItRefused) {
  PriorityScheduler scheduler(200, {.round = 2, .candidates = 100, .uniform_share = 0});
  for (Variable variable = 0; variable < 200; ++variable) scheduler.report(variable, 1);
  EXPECT_EQ(scheduler.next_round([](Variable) { return false; }), Round{});
  std::set<Variable> seen;
  for (int i = 0; i < 100; ++i) {
    for (const Variable variable : scheduler.next_round(anybody)) seen.insert(variable);
  }
  EXPECT_EQ(seen.size(), 200U);
}

TEST(PrioritySchedulerTest, TakesWhatWasNeverReportedAfterWhatWas) {
  PriorityScheduler scheduler(100, {.round = 2, .uniform_share = 0});
  scheduler.report(7, 1e-30);
  scheduler.report(8, 1);
  Round round = scheduler.next_round(anybody);
  std::sort(round.begin(), round.end());
  EXPECT_EQ(round, (Round{7, 8}));
  EXPECT_EQ(scheduler.next_round(anybody).size(), 2U);
}

TEST(PrioritySchedulerTest, OfNothingARoundIsEmpty) {
  PriorityScheduler scheduler(0, {});
  EXPECT_EQ(scheduler.next_round(anybody), Round{});
}

}  // namespace
}  // namespace bosen
