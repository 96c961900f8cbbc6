// Several processes of a job within one: every JobControl has a thread of its own and talks to the others over
// loopback.

#include "bosen/runtime/job_control.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/runtime/control_protocol.h"
#include "bosen/runtime/line_connection.h"

namespace bosen::runtime {
namespace {

/// Long enough for the slowest machine: reached only by a test that fails.
constexpr std::chrono::seconds kPatience{60};

/// What a process was told by its JobControl.
class Mailbox {
 public:
  void put(const std::string& text) {
    const std::lock_guard lock(mutex_);
    texts_.push_back(text);
    changed_.notify_all();
  }

  /// The next text, or "nothing" when none comes.
  std::string take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !texts_.empty(); })) return "nothing";
    std::string text = texts_.front();
    texts_.pop_front();
    return text;
  }

  bool empty() {
    const std::lock_guard lock(mutex_);
    return texts_.empty();
  }

 private:
  std::mutex mutex_;  ///< guards texts_
  std::condition_variable changed_;
  std::deque<std::string> texts_;
};

/// One process, or the error with which it failed to join.
struct Attempt {
  std::unique_ptr<JobControl> control;
  ErrorKind kind = ErrorKind::kUsage;
  std::string error;
};

class JobControlTest : public ::testing::Test {
 protected:
  Member member(Rank rank) const {
    return {rank, "node" + std::to_string(rank), "machine", 4000 + rank, "1.2.3", rank + 1, 2, {"tcp://node:5"}};
  }

  JobSpec spec(Rank rank, int size) {
    JobSpec spec;
    spec.rank = rank;
    spec.size = size;
    spec.job = "token";
    spec.timeout_s = 60;
    spec.listen = "127.0.0.1:0";
    spec.find_coordinator = [this] { return address_.get(); };
    if (rank == 0) {
      spec.publish_coordinator = [this](const std::string& address) { published_.set_value(address); };
    }
    spec.notice = [](const std::string&) {};
    return spec;
  }

  /// Joins in a thread of its own.
  std::future<Attempt> join(const JobSpec& spec, const Member& own) {
    return std::async(std::launch::async, [this, spec, own] {
      Attempt joined;
      try {
        Mailbox& mailbox = failures_[static_cast<std::size_t>(own.rank)];
        joined.control = std::make_unique<JobControl>(
            spec, own,
            JobListener{.on_failure = [&mailbox](const Error& why) { mailbox.put(why.what()); },
                        .on_status = [&mailbox](const std::string& status) { mailbox.put("status " + status); }});
      } catch (const Error& error) {
        joined.kind = error.kind();
        joined.error = error.what();
      }
      return joined;
    });
  }

  /// A whole job, by rank.
  std::vector<std::unique_ptr<JobControl>> start(int size) {
    std::vector<std::future<Attempt>> joining;
    for (Rank rank = 0; rank < size; ++rank) joining.push_back(join(spec(rank, size), member(rank)));
    std::vector<std::unique_ptr<JobControl>> job;
    for (auto& future : joining) {
      Attempt joined = future.get();
      EXPECT_EQ(joined.error, "");
      job.push_back(std::move(joined.control));
    }
    return job;
  }

  static void leave_together(std::vector<std::unique_ptr<JobControl>>& job) {
    std::vector<std::future<bool>> leaving;
    for (auto& control : job)
      leaving.push_back(std::async(std::launch::async, [&control] { return control->leave(); }));
    for (auto& left : leaving) EXPECT_TRUE(left.get());
  }

  Mailbox& failures(Rank rank) { return failures_[static_cast<std::size_t>(rank)]; }

  std::promise<std::string> published_;
  std::shared_future<std::string> address_ = published_.get_future().share();

 private:
  std::vector<Mailbox> failures_{8};
};

/// Talks to a coordinator as no JobControl would.
class Stranger {
 public:
  explicit Stranger(const std::string& address) : connection_(connect(address), kControlLineBytesMax) {}

  void say(const std::string& bytes) {
    connection_.send(std::make_shared<const std::string>(bytes));
    while (connection_.has_unsent() && await(POLLOUT)) connection_.flush();
  }

  /// The next line; "the end" where the coordinator hangs up instead, "nothing" where it does neither in time.
  std::string hear(int timeout_ms = 60'000) {
    std::string line;
    while (!connection_.next_line(line)) {
      if (!await(POLLIN, timeout_ms)) return "nothing";
      if (!connection_.read()) return "the end";
    }
    return line;
  }

 private:
  static Descriptor connect(const std::string& address) {
    TcpConnector connector(parse_listen_address(address).value());
    TcpConnector::State state = connector.step();
    while (state == TcpConnector::State::kConnecting) {
      pollfd ready{connector.fd(), POLLOUT, 0};
      ::poll(&ready, 1, 60'000);
      state = connector.step();
    }
    EXPECT_EQ(state, TcpConnector::State::kConnected) << connector.problem();
    return connector.take();
  }

  bool await(short events, int timeout_ms = 60'000) {
    pollfd ready{connection_.fd(), events, 0};
    return ::poll(&ready, 1, timeout_ms) > 0;
  }

  LineConnection connection_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// An address at which nobody listens.
std::string free_address() { return "127.0.0.1:" + std::to_string(listen_at({"127.0.0.1", 0}).port); }

TEST_F(JobControlTest, EveryProcessLearnsOfAllMembers) {
  auto job = start(4);
  for (const auto& control : job) {
    const std::vector<Member>& members = control->members();
    ASSERT_EQ(members.size(), 4U);
    for (Rank rank = 0; rank < 4; ++rank) EXPECT_TRUE(members[static_cast<std::size_t>(rank)] == member(rank)) << rank;
  }
  leave_together(job);
  for (Rank rank = 0; rank < 4; ++rank) EXPECT_TRUE(failures(rank).empty());
}

TEST_F(JobControlTest, RankZeroLearnsHowOthersAre) {
  auto job = start(3);
  job[2]->report("all is well");
  EXPECT_EQ(failures(0).take(), "status all is well");
  job[1]->report(std::string(kControlStatusBytesMax + 1, 'x'));
  leave_together(job);
  for (Rank rank = 0; rank < 3; ++rank) EXPECT_TRUE(failures(rank).empty()) << "what is too long is not sent";
}

TEST_F(JobControlTest, JoinsOverIpv6) {
  JobSpec first = spec(0, 2);
  first.listen = "[::1]:0";
  try {
    static_cast<void>(listen_at({"::1", 0}));
  } catch (const Error& error) {
    GTEST_SKIP() << "this machine has no IPv6: " << error.what();
  }
  auto zero = join(first, member(0));
  EXPECT_TRUE(address_.get().starts_with("[::1]:")) << address_.get();
  EXPECT_EQ(join(spec(1, 2), member(1)).get().error, "");
  EXPECT_EQ(zero.get().error, "");
}

TEST_F(JobControlTest, AProcessMayComeBeforeRankZero) {
  const std::string address = free_address();
  std::promise<void> asked;
  JobSpec early = spec(1, 2);
  early.find_coordinator = [&] {
    asked.set_value();
    return address;
  };
  auto one = join(early, member(1));
  asked.get_future().wait();
  JobSpec late = spec(0, 2);
  late.listen = address;
  EXPECT_EQ(join(late, member(0)).get().error, "");
  EXPECT_EQ(one.get().error, "");
}

TEST_F(JobControlTest, ATimeOutTellsAllWhoAreHereWhoIsMissing) {
  JobSpec patient = spec(0, 5);
  patient.timeout_s = 1;
  auto zero = join(patient, member(0));
  auto two = join(spec(2, 5), member(2));
  for (auto* joining : {&zero, &two}) {
    const Attempt joined = joining->get();
    EXPECT_EQ(joined.kind, ErrorKind::kTimeout);
    EXPECT_TRUE(contains(joined.error, "ranks 1, 3 and 4 did not join the job within 1 s (2 of 5 processes are here)"))
        << joined.error;
    EXPECT_TRUE(contains(joined.error, address_.get())) << joined.error;
  }
}

TEST_F(JobControlTest, AProcessThatCannotReachRankZeroNamesItsAddress) {
  JobSpec lost = spec(1, 2);
  lost.timeout_s = 0.3;
  const std::string address = free_address();
  lost.find_coordinator = [&] { return address; };
  const Attempt joined = join(lost, member(1)).get();
  EXPECT_EQ(joined.kind, ErrorKind::kTimeout);
  EXPECT_TRUE(contains(joined.error, "rank 1 (host node1, pid 4001) could not reach rank 0 at " + address + " for 0.3"))
      << joined.error;
  EXPECT_TRUE(contains(joined.error, "Connection refused")) << joined.error;
}

TEST_F(JobControlTest, DifferentVersionsEndEveryProcessWithOneLine) {
  auto zero = join(spec(0, 3), member(0));
  auto one = join(spec(1, 3), member(1));
  Member newer = member(2);
  newer.version = "9.9.9";
  auto two = join(spec(2, 3), newer);
  for (auto* joining : {&zero, &one, &two}) {
    const Attempt joined = joining->get();
    EXPECT_EQ(joined.kind, ErrorKind::kConfiguration);
    EXPECT_TRUE(
        contains(joined.error,
                 "rank 2 (host node2) runs bosen 9.9.9, but rank 0 (host node0) runs bosen 1.2.3; install the same"))
        << joined.error;
  }
}

TEST_F(JobControlTest, ARankThatIsThereTwiceEndsTheJob) {
  auto zero = join(spec(0, 3), member(0));
  auto one = join(spec(1, 3), member(1));
  Member twin = member(1);
  twin.host = "elsewhere";
  auto other = join(spec(1, 3), twin);
  // The last rank comes when the job has failed already, so that it can't start before both twins are here.
  std::vector<Attempt> all;
  all.push_back(one.get());
  all.push_back(other.get());
  all.push_back(join(spec(2, 3), member(2)).get());
  all.push_back(zero.get());
  for (const Attempt& joined : all) {
    EXPECT_EQ(joined.kind, ErrorKind::kConfiguration);
    EXPECT_TRUE(contains(joined.error, "rank 1 is there twice: on host ")) << joined.error;
    EXPECT_TRUE(contains(joined.error, "node1")) << joined.error;
    EXPECT_TRUE(contains(joined.error, "elsewhere")) << joined.error;
  }
}

TEST_F(JobControlTest, ProcessesOfDifferentSizesDoNotJoin) {
  auto zero = join(spec(0, 2), member(0));
  auto one = join(spec(1, 3), member(1));
  for (auto* joining : {&zero, &one}) {
    const Attempt joined = joining->get();
    EXPECT_EQ(joined.kind, ErrorKind::kConfiguration);
    EXPECT_TRUE(contains(joined.error, "started for a job of 3 processes, but rank 0 for one of 2")) << joined.error;
  }
}

TEST_F(JobControlTest, StrangersAreDroppedWhileTheJobJoins) {
  auto zero = join(spec(0, 2), member(0));
  const std::string address = address_.get();
  Stranger other_job(address);
  other_job.say(encode(Hello{"another token", 2, 0, member(1), true}));
  EXPECT_EQ(other_job.hear(), "the end");
  Stranger garbage(address);
  garbage.say("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(garbage.hear(), "the end");
  Stranger endless(address);
  endless.say(std::string(2 * kControlLineBytesMax, 'x'));
  EXPECT_EQ(endless.hear(), "the end");
  Stranger rude(address);
  rude.say(encode(Done{}));
  EXPECT_EQ(rude.hear(), "the end");
  const Stranger silent(address);
  EXPECT_EQ(join(spec(1, 2), member(1)).get().error, "");
  EXPECT_EQ(zero.get().error, "");
}

TEST_F(JobControlTest, AProcessThatComesTooLateIsTurnedAwayAndTheJobGoesOn) {
  auto job = start(2);
  const Attempt late = join(spec(1, 2), member(1)).get();
  EXPECT_EQ(late.kind, ErrorKind::kConfiguration);
  EXPECT_TRUE(contains(late.error, "rank 1 is there twice")) << late.error;
  leave_together(job);
}

TEST_F(JobControlTest, APortInUseSaysHowToMendIt) {
  const TcpListener taken = listen_at({"127.0.0.1", 0});
  JobSpec zero = spec(0, 2);
  zero.listen = "127.0.0.1:" + std::to_string(taken.port);
  const Attempt joined = join(zero, member(0)).get();
  EXPECT_EQ(joined.kind, ErrorKind::kNetwork);
  EXPECT_TRUE(contains(joined.error, zero.listen + ": the port is in use by another program; ")) << joined.error;
}

TEST_F(JobControlTest, MalformedAddressesAreRefused) {
  for (const char* const address : {"", "host", "host:", "host:99999", "::1:5", "[::1", "host:5x"}) {
    JobSpec zero = spec(0, 2);
    zero.listen = address;
    EXPECT_EQ(join(zero, member(0)).get().kind, ErrorKind::kConfiguration) << address;
  }
}

TEST_F(JobControlTest, ADeathIsToldToAllOthers) {
  auto job = start(4);
  job[2].reset();
  for (const Rank rank : {0, 1, 3}) {
    const std::string cause = failures(rank).take();
    EXPECT_TRUE(cause.starts_with("rank 2 (host node2, pid 4002) died: connection ")) << cause;
    EXPECT_FALSE(job[static_cast<std::size_t>(rank)]->leave());
  }
}

TEST_F(JobControlTest, TheCoordinatorsDeathIsNoticedByAll) {
  auto job = start(3);
  job[0].reset();
  for (const Rank rank : {1, 2}) {
    const std::string cause = failures(rank).take();
    EXPECT_TRUE(cause.starts_with("rank 0 (host node0, pid 4000) died: connection ")) << cause;
  }
}

TEST_F(JobControlTest, NobodyHasLeftBeforeTheLastIsDone) {
  Attempt joined;
  auto zero = join(spec(0, 2), member(0));
  Stranger one(address_.get());
  one.say(encode(Hello{"token", 2, 0, member(1), true}));
  joined = zero.get();
  ASSERT_EQ(joined.error, "");
  one.say(encode(Done{}) + encode(Status{"done"}));
  EXPECT_EQ(failures(0).take(), "status done") << "what it said before is known by now";
  for (std::string line = one.hear(0); line != "nothing"; line = one.hear(0))
    EXPECT_NE(line + '\n', encode(Released{}));
  EXPECT_TRUE(joined.control->leave());
  std::string last = one.hear();
  while (last == "{\"type\":\"heartbeat\"}") last = one.hear();
  EXPECT_EQ(last + '\n', encode(Released{}));
}

TEST_F(JobControlTest, RankZeroMayBeGoneBeforeOthersHaveHeardThatTheyMayLeave) {
  auto job = start(3);
  std::vector<std::future<bool>> leaving;
  for (auto& control : job) {
    leaving.push_back(std::async(std::launch::async, [&control] {
      const bool left = control->leave();
      control.reset();
      return left;
    }));
  }
  for (auto& left : leaving) EXPECT_TRUE(left.get());
  for (Rank rank = 0; rank < 3; ++rank) EXPECT_TRUE(failures(rank).empty());
}

TEST_F(JobControlTest, ADeathEndsTheWaitOfThoseWhoLeave) {
  auto job = start(3);
  auto zero = std::async(std::launch::async, [&] { return job[0]->leave(); });
  auto one = std::async(std::launch::async, [&] { return job[1]->leave(); });
  job[2].reset();
  EXPECT_FALSE(zero.get());
  EXPECT_FALSE(one.get());
}

TEST_F(JobControlTest, AnAbortReachesEverybodyElse) {
  auto job = start(3);
  job[1]->abort(Error(ErrorKind::kData, "features.csv:3:7: not a number\nand more"));
  job[1].reset();
  for (const Rank rank : {0, 2}) {
    EXPECT_EQ(failures(rank).take(), "rank 1 (host node1) ended the job: features.csv:3:7: not a number and more");
  }
  EXPECT_TRUE(failures(1).empty());
}

TEST_F(JobControlTest, RankZeroTellsAllOthersBeforeItGoes) {
  auto job = start(3);
  job[0]->abort(Error(ErrorKind::kPeerLost, "out of memory"));
  job[0].reset();
  for (const Rank rank : {1, 2}) EXPECT_EQ(failures(rank).take(), "rank 0 (host node0) ended the job: out of memory");
}

TEST_F(JobControlTest, GarbageFromAMemberEndsTheJob) {
  auto zero = join(spec(0, 2), member(0));
  Stranger member_gone_mad(address_.get());
  member_gone_mad.say(encode(Hello{"token", 2, 0, member(1), true}));
  Attempt joined = zero.get();
  ASSERT_EQ(joined.error, "");
  member_gone_mad.say("{\"type\":\"released\"}\n");
  EXPECT_EQ(failures(0).take(), "rank 1 (host node1, pid 4001) was dropped: it broke the control protocol");
}

TEST_F(JobControlTest, AMemberThatDiesWhileOthersAreAwaitedEndsTheWait) {
  auto zero = join(spec(0, 3), member(0));
  {
    Stranger one(address_.get());
    one.say(encode(Hello{"token", 3, 0, member(1), true}));
    EXPECT_EQ(one.hear(), "{\"type\":\"heartbeat\"}");
  }
  auto two = join(spec(2, 3), member(2));
  for (auto* joining : {&zero, &two}) {
    const Attempt joined = joining->get();
    EXPECT_EQ(joined.kind, ErrorKind::kPeerLost);
    EXPECT_TRUE(joined.error.starts_with("rank 1 (host node1, pid 4001) died: connection ")) << joined.error;
  }
}

}  // namespace
}  // namespace bosen::runtime
