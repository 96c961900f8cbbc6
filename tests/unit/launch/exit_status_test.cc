#include "bosen/launch/exit_status.h"

#include <gtest/gtest.h>

#include <csignal>

namespace bosen::launch {
namespace {

Ending exited(Rank rank, int code) { return {rank, Ending::Kind::kExited, code}; }
Ending killed(Rank rank, int signal) { return {rank, Ending::Kind::kSignalled, signal}; }

TEST(OutcomeTest, IsZeroWhenAllRanksEndWell) {
  Outcome outcome;
  outcome.rank_ended(exited(0, 0), false);
  outcome.rank_ended(exited(1, 0), false);
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_FALSE(outcome.cause());
}

TEST(OutcomeTest, IsTheCodeOfTheRankThatFailedFirst) {
  Outcome outcome;
  outcome.rank_ended(exited(2, 0), false);
  outcome.rank_ended(exited(1, 7), false);
  outcome.rank_ended(exited(0, 3), false);
  EXPECT_EQ(outcome.exit_code(), 7);
  EXPECT_EQ(outcome.cause()->rank, 1);
}

TEST(OutcomeTest, IsTheSignalPlus128WhenARankIsKilled) {
  Outcome outcome;
  outcome.rank_ended(killed(1, SIGKILL), false);
  outcome.rank_ended(killed(0, SIGTERM), true);
  EXPECT_EQ(outcome.exit_code(), 137);
  EXPECT_EQ(outcome.cause()->rank, 1);
}

TEST(OutcomeTest, BlamesTheRankThatASignalKilledRatherThanOneThatLostItsPeer) {
  Outcome outcome;
  outcome.rank_ended(exited(0, 1), false);
  outcome.rank_ended(killed(2, SIGSEGV), false);
  EXPECT_EQ(outcome.exit_code(), 139);
  EXPECT_EQ(outcome.cause()->rank, 2);
}

TEST(OutcomeTest, DoesNotBlameRanksThatWeKilled) {
  Outcome outcome;
  outcome.rank_ended(exited(0, 1), false);
  outcome.rank_ended(killed(2, SIGTERM), true);
  EXPECT_EQ(outcome.exit_code(), 1);
}

TEST(OutcomeTest, KeepsTheFirstOfTwoRanksThatSignalsKilled) {
  Outcome outcome;
  outcome.rank_ended(killed(1, SIGSEGV), false);
  outcome.rank_ended(killed(2, SIGABRT), false);
  EXPECT_EQ(outcome.cause()->rank, 1);
}

TEST(OutcomeTest, IsTheSignalThatStoppedUsEvenIfTheRanksEndWell) {
  Outcome outcome;
  outcome.interrupted(SIGINT);
  outcome.interrupted(SIGTERM);
  outcome.rank_ended(exited(0, 0), true);
  EXPECT_EQ(outcome.exit_code(), 130);
}

TEST(OutcomeTest, Is110OnATimeOutAnd2WhenNothingCouldStart) {
  Outcome late;
  late.timed_out();
  late.rank_ended(killed(0, SIGTERM), true);
  EXPECT_EQ(late.exit_code(), 110);
  Outcome refused;
  refused.refused();
  refused.rank_ended({0, Ending::Kind::kConnectionLost, 0}, true);
  EXPECT_EQ(refused.exit_code(), 2);
}

TEST(OutcomeTest, MayGoBetterWhereAJobFailedAndNobodyHasToMendSomething) {
  const auto after = [](const auto& happen) {
    Outcome outcome;
    happen(outcome);
    return outcome.may_go_better();
  };
  EXPECT_TRUE(after([](Outcome& outcome) { outcome.rank_ended(killed(1, SIGKILL), false); }));
  EXPECT_TRUE(after([](Outcome& outcome) { outcome.rank_ended(exited(1, 7), false); }));
  EXPECT_TRUE(after([](Outcome& outcome) { outcome.rank_ended({3, Ending::Kind::kConnectionLost, 0}, false); }));
  EXPECT_FALSE(after([](Outcome& outcome) { outcome.rank_ended(exited(1, 0), false); }));
  EXPECT_FALSE(after([](Outcome& outcome) { outcome.rank_ended(exited(1, 2), false); }));
  EXPECT_FALSE(after([](Outcome& outcome) { outcome.refused(); }));
  EXPECT_FALSE(after([](Outcome& outcome) {
    outcome.interrupted(SIGINT);
    outcome.rank_ended(killed(1, SIGINT), true);
  }));
  EXPECT_FALSE(after([](Outcome& outcome) {
    outcome.timed_out();
    outcome.rank_ended(killed(1, SIGTERM), true);
  }));
}

TEST(OutcomeTest, IsOneWhenAConnectionIsLost) {
  Outcome outcome;
  outcome.rank_ended({3, Ending::Kind::kConnectionLost, 0}, false);
  EXPECT_EQ(outcome.exit_code(), 1);
}

TEST(OutcomeTest, BlamesTheRankWhoseHostWasLostRatherThanOneThatLostItsPeer) {
  Outcome outcome;
  outcome.rank_ended(exited(0, 1), false);
  outcome.rank_ended({3, Ending::Kind::kConnectionLost, 0}, true);
  EXPECT_EQ(outcome.cause()->rank, 3);
}

TEST(OutcomeTest, DoesNotBlameALostHostForAnErrorThatCameFirst) {
  Outcome outcome;
  outcome.rank_ended(exited(0, 2), false);
  outcome.rank_ended({3, Ending::Kind::kConnectionLost, 0}, true);
  EXPECT_EQ(outcome.exit_code(), 2);
}

TEST(EndingTest, ReadsWaitStatusesAndShellCodes) {
  EXPECT_EQ(describe(ending_of_wait_status(0, 3 << 8)), "exited with code 3");
  EXPECT_EQ(describe(ending_of_wait_status(0, SIGKILL)), "was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(describe(ending_of_shell_code(0, 137)), "was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(describe(ending_of_shell_code(0, 255)), "exited with code 255");
  EXPECT_EQ(describe(ending_of_shell_code(0, 128)), "exited with code 128");
}

}  // namespace
}  // namespace bosen::launch
