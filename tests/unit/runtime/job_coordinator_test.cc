// The coordinator in virtual time, without sockets: what it says to whom when processes come, fall silent and leave.

#include "bosen/runtime/job_coordinator.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bosen::runtime {
namespace {

using PeerId = JobCoordinator::PeerId;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStep = kSecond / 4;

Member member(Rank rank) {
  return {rank, "node" + std::to_string(rank), "machine" + std::to_string(rank / 2), 4000 + rank, "1.2.3", 1, 1, {}};
}

/// What `message` says, shortly; empty for heartbeats.
std::string text_of(const ControlMessage& message) {
  if (const auto* failed = std::get_if<Failed>(&message)) return "failed: " + failed->cause;
  if (const auto* waiting = std::get_if<Waiting>(&message)) return "waiting: " + waiting->text;
  if (const auto* status = std::get_if<Status>(&message)) return "status: " + status->text;
  if (std::holds_alternative<MemberEntry>(message)) return "member";
  if (std::holds_alternative<Start>(message)) return "start";
  if (std::holds_alternative<Released>(message)) return "released";
  return "";
}

/// A coordinator and the connections to it; peer R is meant to be rank R.
class Job {
 public:
  explicit Job(int size) : coordinator_({"token", size, 0, 60 * kSecond, "node0:5000"}, 0), size_(size) { hello(0, 0); }

  void connect(PeerId peer) {
    carry_out([&](auto& output) { coordinator_.connected(peer, now_, output); });
  }

  void say(PeerId peer, const ControlMessage& message) {
    carry_out([&](auto& output) { coordinator_.step(peer, message, now_, output); });
  }

  void hello(PeerId peer, Rank rank) { hello(peer, member(rank)); }

  void hello(PeerId peer, const Member& member) {
    if (peer != JobCoordinator::kSelf) connect(peer);
    say(peer, Hello{"token", size_, 0, member, true});
    alive_.insert(peer);
  }

  void close(PeerId peer) {
    alive_.erase(peer);
    carry_out([&](auto& output) { coordinator_.closed(peer, "connection closed", now_, output); });
  }

  /// From now on the peer says nothing more, but its connection stays.
  void freeze(PeerId peer) { alive_.erase(peer); }

  /// Time goes on, and whoever is alive shows it.
  void pass(std::int64_t duration) {
    for (const std::int64_t end = now_ + duration; now_ < end;) {
      now_ += kStep;
      for (const PeerId peer : alive_) say(peer, Heartbeat{});
      carry_out([&](auto& output) { coordinator_.tick(now_, output); });
    }
  }

  /// The coordinator itself is stopped meanwhile: nothing reaches it.
  void stall(std::int64_t duration) {
    now_ += duration;
    carry_out([&](auto& output) { coordinator_.tick(now_, output); });
  }

  void everybody_joins() {
    for (Rank rank = 1; rank < size_; ++rank) hello(static_cast<PeerId>(rank), rank);
  }

  /// What the peer was told since the last call, without heartbeats.
  std::vector<std::string> heard(PeerId peer) { return std::exchange(heard_[peer], {}); }

  [[nodiscard]] bool is_dropped(PeerId peer) const { return dropped_.contains(peer); }
  [[nodiscard]] bool finished() const { return coordinator_.finished(now_); }
  /// Of the last failure that anybody was told.
  [[nodiscard]] std::optional<ErrorKind> failure_kind() const { return failure_kind_; }
  [[nodiscard]] std::uint64_t strangers_dropped() const { return coordinator_.strangers_dropped(); }

 private:
  template <class Action>
  void carry_out(Action action) {
    JobCoordinator::Output output;
    action(output);
    for (const auto& send : output.sends) {
      const std::string text = text_of(send.message);
      if (const auto* failed = std::get_if<Failed>(&send.message)) failure_kind_ = failed->kind;
      for (const PeerId peer : send.to) {
        if (!text.empty()) heard_[peer].push_back(text);
      }
    }
    dropped_.insert(output.drops.begin(), output.drops.end());
  }

  JobCoordinator coordinator_;
  const int size_;
  std::int64_t now_ = 0;
  std::set<PeerId> alive_;
  std::set<PeerId> dropped_;
  std::optional<ErrorKind> failure_kind_;
  std::map<PeerId, std::vector<std::string>> heard_;
};

using Texts = std::vector<std::string>;

TEST(JobCoordinatorTest, SendsTheListOnceTheLastHasCome) {
  Job job(3);
  job.hello(1, 1);
  EXPECT_EQ(job.heard(1), Texts{});
  job.hello(2, 2);
  for (const PeerId peer : {0U, 1U, 2U}) EXPECT_EQ(job.heard(peer), (Texts{"member", "member", "member", "start"}));
}

TEST(JobCoordinatorTest, SaysEveryTenSecondsWhomItAwaitsOnceForEveryMachine) {
  Job job(8);
  job.hello(1, 1);
  job.hello(5, 5);
  job.pass(25 * kSecond);
  const Texts expected{"waiting: has waited for 10 s for ranks 2-4, 6 and 7 to join (3 of 8 processes are here)",
                       "waiting: has waited for 20 s for ranks 2-4, 6 and 7 to join (3 of 8 processes are here)"};
  EXPECT_EQ(job.heard(0), expected);
  EXPECT_EQ(job.heard(1), Texts{}) << "it runs beside rank 0";
  EXPECT_EQ(job.heard(5), expected);
}

TEST(JobCoordinatorTest, TellsRankZeroAloneHowProcessesAre) {
  Job job(3);
  job.everybody_joins();
  for (const PeerId peer : {0U, 1U, 2U}) job.heard(peer);
  job.say(2, Status{"fine"});
  EXPECT_EQ(job.heard(0), Texts{"status: fine"});
  EXPECT_EQ(job.heard(1), Texts{});
  job.connect(9);
  job.say(9, Status{"I am a stranger"});
  EXPECT_EQ(job.heard(0), Texts{});
  EXPECT_TRUE(job.is_dropped(9));
}

TEST(JobCoordinatorTest, SaysEveryTenSecondsWhoIsNotDone) {
  Job job(4);
  job.everybody_joins();
  for (const PeerId peer : {0U, 1U, 2U, 3U}) job.heard(peer);
  job.pass(100 * kSecond);
  EXPECT_EQ(job.heard(2), Texts{}) << "nobody waits";
  job.say(2, Done{});
  job.pass(kSecond);
  job.say(1, Done{});
  job.pass(9 * kSecond);
  const Texts expected{"waiting: has waited for 10 s for ranks 0 and 3 to finish (2 of 4 processes are done)"};
  EXPECT_EQ(job.heard(1), expected);
  EXPECT_EQ(job.heard(2), expected);
  EXPECT_EQ(job.heard(3), Texts{});
}

TEST(JobCoordinatorTest, ADedicatedServerIsDoneAtOnceAndWaitsForNobody) {
  Job job(4);
  job.hello(1, 1);
  job.hello(2, 2);
  Member server = member(3);
  server.workers = 0;
  job.hello(3, server);
  for (const PeerId peer : {0U, 1U, 2U, 3U}) job.heard(peer);
  job.say(3, Done{});
  job.pass(100 * kSecond);
  EXPECT_EQ(job.heard(3), Texts{});
  job.say(0, Done{});
  job.pass(10 * kSecond);
  EXPECT_EQ(job.heard(0),
            Texts{"waiting: has waited for 10 s for ranks 1 and 2 to finish (2 of 4 processes are done)"});
  EXPECT_EQ(job.heard(3), Texts{});
}

TEST(JobCoordinatorTest, ASilentProcessIsLostAfterSixSeconds) {
  Job job(3);
  job.everybody_joins();
  for (const PeerId peer : {0U, 1U}) job.heard(peer);
  job.pass(100 * kSecond);
  job.freeze(2);
  job.pass(5 * kSecond);
  EXPECT_EQ(job.heard(1), Texts{});
  job.pass(2 * kSecond);
  const Texts expected{
      "failed: rank 2 (host node2, pid 4002) is lost: no sign of life for 6 s: it is frozen, or its host or network is "
      "down"};
  for (const PeerId peer : {0U, 1U}) EXPECT_EQ(job.heard(peer), expected);
  EXPECT_EQ(job.heard(2).back(), expected.back()) << "it reads so if it ever goes on";
  EXPECT_TRUE(job.is_dropped(2));
}

TEST(JobCoordinatorTest, ItsOwnStallCountsAsNobodysSilence) {
  Job job(3);
  job.everybody_joins();
  for (const PeerId peer : {0U, 1U, 2U}) job.heard(peer);
  job.pass(kSecond);
  job.stall(600 * kSecond);
  job.pass(4 * kSecond);
  for (const PeerId peer : {0U, 1U, 2U}) EXPECT_EQ(job.heard(peer), Texts{});
  job.freeze(1);
  job.pass(7 * kSecond);
  EXPECT_EQ(job.heard(2).size(), 1U);
}

TEST(JobCoordinatorTest, AFrozenProcessIsNoticedWhileOthersAreAwaited) {
  Job job(3);
  job.hello(1, 1);
  job.freeze(1);
  job.pass(7 * kSecond);
  EXPECT_EQ(job.heard(0).size(), 1U);
  job.hello(2, 2);
  const Texts late = job.heard(2);
  ASSERT_EQ(late.size(), 1U);
  EXPECT_TRUE(late[0].starts_with("failed: rank 1 (host node1, pid 4001) is lost: ")) << late[0];
}

TEST(JobCoordinatorTest, ReleasesAllWhenTheLastIsDone) {
  Job job(3);
  job.everybody_joins();
  for (const PeerId peer : {0U, 1U, 2U}) job.heard(peer);
  job.say(0, Done{});
  job.say(1, Done{});
  EXPECT_EQ(job.heard(0), Texts{});
  job.say(2, Done{});
  for (const PeerId peer : {0U, 1U, 2U}) EXPECT_EQ(job.heard(peer), Texts{"released"});
  EXPECT_FALSE(job.finished());
  job.close(1);
  job.close(2);
  EXPECT_TRUE(job.finished());
  EXPECT_EQ(job.heard(0), Texts{}) << "whoever was released may go";
}

TEST(JobCoordinatorTest, DoesNotWaitForeverUntilTheReleasedHaveGone) {
  Job job(2);
  job.everybody_joins();
  job.say(0, Done{});
  job.say(1, Done{});
  job.pass(kSecond);
  EXPECT_FALSE(job.finished());
  job.pass(2 * kSecond);
  EXPECT_TRUE(job.finished());
}

TEST(JobCoordinatorTest, OneDoneProcessThatDiesBeforeTheOthersAreDoneEndsTheJob) {
  Job job(3);
  job.everybody_joins();
  job.heard(2);
  job.say(1, Done{});
  job.close(1);
  EXPECT_EQ(job.heard(2), Texts{"failed: rank 1 (host node1, pid 4001) died: connection closed"});
}

TEST(JobCoordinatorTest, AnAbortIsTheSameKindOfErrorToAll) {
  Job job(3);
  job.everybody_joins();
  job.heard(2);
  job.say(1, Abort{ErrorKind::kData, "ratings.txt:12: not a number"});
  EXPECT_EQ(job.heard(2), Texts{"failed: rank 1 (host node1) ended the job: ratings.txt:12: not a number"});
  EXPECT_EQ(job.failure_kind(), ErrorKind::kData);
}

TEST(JobCoordinatorTest, OnlyTheFirstFailureIsTold) {
  Job job(4);
  job.everybody_joins();
  job.heard(0);
  job.close(3);
  job.close(2);
  job.say(1, Abort{ErrorKind::kPeerLost, "the others are gone"});
  EXPECT_EQ(job.heard(0), Texts{"failed: rank 3 (host node3, pid 4003) died: connection closed"});
}

TEST(JobCoordinatorTest, TellsLatecomersForAWhileWhyTheJobCannotStart) {
  Job job(4);
  job.hello(1, 1);
  job.close(1);
  EXPECT_FALSE(job.finished());
  job.hello(2, 2);
  EXPECT_EQ(job.heard(2), Texts{"failed: rank 1 (host node1, pid 4001) died: connection closed"});
  job.close(2);
  EXPECT_FALSE(job.finished()) << "rank 3 has not heard of it";
  job.pass(5 * kSecond);
  EXPECT_TRUE(job.finished());
}

TEST(JobCoordinatorTest, AnotherVersionIsNamedEvenIfItsHelloIsOtherwiseUnknown) {
  Job job(3);
  job.hello(1, 1);
  job.connect(2);
  Hello hello{"token", 0, 0, member(2), false};
  hello.member.version = "2.0.0";
  job.say(2, hello);
  for (const PeerId peer : {0U, 1U, 2U}) {
    EXPECT_EQ(job.heard(peer), Texts{"failed: rank 2 (host node2) runs bosen 2.0.0, but rank 0 (host node0) runs bosen "
                                     "1.2.3; install the same version on all hosts"});
  }
}

TEST(JobCoordinatorTest, ProcessesThatDisagreeAboutServersEndTheJob) {
  Job job(3);
  job.hello(1, 1);
  job.connect(2);
  job.say(2, Hello{"token", 3, 1, member(2), true});
  for (const PeerId peer : {0U, 1U, 2U}) {
    EXPECT_EQ(job.heard(peer),
              Texts{"failed: rank 2 (host node2, pid 4002) was started with --servers 1, but rank 0 with "
                    "--servers 0; give all processes the same"});
  }
}

TEST(JobCoordinatorTest, ARankBeyondTheJobEndsIt) {
  for (const Rank rank : {-1, 2, 1'000'000}) {
    Job job(2);
    job.hello(1, rank);
    for (const PeerId peer : {0U, 1U}) {
      const Texts heard = job.heard(peer);
      ASSERT_EQ(heard.size(), 1U) << rank;
      EXPECT_TRUE(heard[0].ends_with("has no place in a job of 2 processes; ranks are 0 to 1")) << heard[0];
    }
  }
}

TEST(JobCoordinatorTest, MoreShardsThanAJobMayHaveEndIt) {
  constexpr int kProcesses = 257;
  Job job(kProcesses);
  for (Rank rank = 1; rank < kProcesses; ++rank) {
    const auto peer = static_cast<PeerId>(rank);
    job.connect(peer);
    Member many = member(rank);
    many.shards = 256;
    job.say(peer, Hello{"token", kProcesses, 0, many, true});
  }
  EXPECT_EQ(job.heard(7), Texts{"failed: the processes have 65537 shards together, but a job has at most 65535; start "
                                "fewer processes or fewer shards in each"});
}

TEST(JobCoordinatorTest, StrangersThatSayNothingAreDropped) {
  Job job(2);
  job.connect(77);
  job.pass(4 * kSecond);
  EXPECT_FALSE(job.is_dropped(77));
  job.pass(2 * kSecond);
  EXPECT_TRUE(job.is_dropped(77));
  EXPECT_EQ(job.strangers_dropped(), 1U);
}

TEST(JobCoordinatorTest, AFloodOfStrangersDropsTheOldestAndNoMember) {
  Job job(3);
  job.hello(1, 1);
  constexpr PeerId kFirst = 100;
  for (PeerId peer = kFirst; peer < kFirst + 1000; ++peer) job.connect(peer);
  EXPECT_TRUE(job.is_dropped(kFirst));
  EXPECT_FALSE(job.is_dropped(kFirst + 999));
  EXPECT_FALSE(job.is_dropped(1));
  EXPECT_GT(job.strangers_dropped(), 900U);
  job.hello(kFirst + 1000, 2);
  EXPECT_EQ(job.heard(1), (Texts{"member", "member", "member", "start"}));
}

TEST(JobCoordinatorTest, AStrangerMaySayNothingButHello) {
  for (const ControlMessage& message :
       {ControlMessage(Done{}), ControlMessage(Abort{ErrorKind::kUsage, "me"}), ControlMessage(Heartbeat{}),
        ControlMessage(Released{}), ControlMessage(MemberEntry{member(1)})}) {
    Job job(2);
    job.connect(9);
    job.say(9, message);
    EXPECT_TRUE(job.is_dropped(9));
    EXPECT_EQ(job.heard(0), Texts{});
  }
}

TEST(JobCoordinatorTest, ALateTwinIsTurnedAwayWithoutHarm) {
  Job job(2);
  job.everybody_joins();
  job.heard(0);
  job.hello(9, 1);
  EXPECT_EQ(job.heard(0), Texts{});
  const Texts twin = job.heard(9);
  ASSERT_EQ(twin.size(), 1U);
  EXPECT_TRUE(twin[0].starts_with("failed: rank 1 is there twice")) << twin[0];
  job.close(9);
  EXPECT_EQ(job.heard(0), Texts{});
}

TEST(JobCoordinatorTest, ListsOfRanksAreShort) {
  EXPECT_EQ(list_ranks({3}), "rank 3");
  EXPECT_EQ(list_ranks({3, 4}), "ranks 3 and 4");
  EXPECT_EQ(list_ranks({0, 2, 3, 4, 5, 7}), "ranks 0, 2-5 and 7");
  std::vector<Rank> odd;
  for (Rank rank = 1; rank < 4000; rank += 2) odd.push_back(rank);
  EXPECT_EQ(list_ranks(odd), "ranks 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and others");
}

}  // namespace
}  // namespace bosen::runtime
