// The way to rank 0 in virtual time: only the bytes are real.

#include "bosen/runtime/remote_coordinator.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

class RemoteCoordinatorTest : public ::testing::Test {
 protected:
  RemoteCoordinator::Options options(std::uint16_t port) {
    const Member own{1, "node1", "machine", 77, "1.2.3", 1, 1, {}};
    return {{"127.0.0.1", port}, {"token", 2, 0, own, true}, 0, 60 * kSecondNs, [this](const std::string& text) {
              notices_.push_back(text);
            }};
  }

  /// Real time passes until the link has something to read, virtual time does not.
  void await(const RemoteCoordinator& link) {
    std::vector<pollfd> descriptors;
    link.watch(descriptors);
    ASSERT_FALSE(descriptors.empty());
    ASSERT_GT(::poll(descriptors.data(), descriptors.size(), 60'000), 0);
  }

  /// Accepts the link's connection and waits for its hello.
  LineConnection accept(RemoteCoordinator& link) {
    pollfd waiting{listener_.fd.get(), POLLIN, 0};
    EXPECT_GT(::poll(&waiting, 1, 60'000), 0);
    LineConnection rank_zero(accept_from(listener_.fd.get()), kControlLineBytesMax);
    std::string hello;
    for (int tries = 0; tries < 60'000 && !rank_zero.next_line(hello); ++tries) {
      link.serve(now_, inbox_);
      pollfd greeting{rank_zero.fd(), POLLIN, 0};
      ::poll(&greeting, 1, 1);
      EXPECT_TRUE(rank_zero.read());
    }
    EXPECT_NE(hello.find("\"hello\""), std::string::npos);
    return rank_zero;
  }

  /// Lets the link hear `message`.
  void tell(LineConnection& rank_zero, RemoteCoordinator& link, const ControlMessage& message) {
    const std::size_t before = inbox_.size();
    rank_zero.send(std::make_shared<const std::string>(encode(message)));
    while (inbox_.size() == before) {
      await(link);
      link.serve(now_, inbox_);
    }
  }

  /// Calls the link as often as it wishes for so long.
  void pass(RemoteCoordinator& link, std::int64_t duration) {
    for (const std::int64_t end = now_ + duration; now_ < end;) {
      now_ += limits::kHeartbeatNs / 2;
      link.serve(now_, inbox_);
    }
  }

  std::string last_failure() {
    const auto* failed = inbox_.empty() ? nullptr : std::get_if<Failed>(&inbox_.back());
    return failed == nullptr ? "none" : failed->cause;
  }

  TcpListener listener_ = listen_at({"127.0.0.1", 0});
  std::int64_t now_ = 0;
  std::vector<ControlMessage> inbox_;
  std::vector<std::string> notices_;
};

TEST_F(RemoteCoordinatorTest, SaysEveryTenSecondsWhatItWaitsForAndGivesUpInTime) {
  const std::uint16_t port = listener_.port;
  listener_ = {};
  RemoteCoordinator link(options(port), now_);
  pass(link, 25 * kSecondNs);
  const std::string where = "rank 0 at 127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(notices_, (std::vector<std::string>{"has waited for 10 s for " + where + ": Connection refused",
                                                "has waited for 20 s for " + where + ": Connection refused"}));
  EXPECT_FALSE(link.ended(now_));
  pass(link, 36 * kSecondNs);
  EXPECT_TRUE(link.ended(now_));
  EXPECT_EQ(last_failure(),
            "rank 1 (host node1, pid 77) could not reach " + where +
                " for 60 s: Connection refused; see whether rank 0 was started and whether a firewall is "
                "between");
}

TEST_F(RemoteCoordinatorTest, TriesAgainWhereItIsHungUpOn) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  { const LineConnection stranger = accept(link); }
  await(link);
  link.serve(now_, inbox_);
  pass(link, kSecondNs);
  LineConnection rank_zero = accept(link);
  tell(rank_zero, link, Heartbeat{});
  EXPECT_EQ(last_failure(), "none");
  EXPECT_FALSE(link.ended(now_));
}

TEST_F(RemoteCoordinatorTest, GivesUpWhoeverAcceptsButSaysNothing) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  const LineConnection mute = accept(link);
  pass(link, 61 * kSecondNs);
  EXPECT_TRUE(link.ended(now_));
  EXPECT_NE(last_failure().find("it accepted the connection, but did not answer"), std::string::npos) << last_failure();
}

TEST_F(RemoteCoordinatorTest, AFrozenRankZeroIsLostAfterSixSeconds) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  LineConnection rank_zero = accept(link);
  tell(rank_zero, link, MemberEntry{{0, "node0", "machine", 76, "1.2.3", 1, 1, {}}});
  pass(link, 5 * kSecondNs);
  EXPECT_EQ(last_failure(), "none");
  pass(link, 2 * kSecondNs);
  EXPECT_TRUE(last_failure().starts_with("rank 0 (host node0, pid 76) is lost: no sign of life for 6 s"))
      << last_failure();
}

TEST_F(RemoteCoordinatorTest, ItsOwnStallIsNotRankZerosSilence) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  LineConnection rank_zero = accept(link);
  tell(rank_zero, link, Heartbeat{});
  now_ += 100 * kSecondNs;
  pass(link, 2 * kSecondNs);
  EXPECT_EQ(last_failure(), "none");
}

TEST_F(RemoteCoordinatorTest, HearsTheLastWordsBeforeTheEnd) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  {
    LineConnection rank_zero = accept(link);
    tell(rank_zero, link, Heartbeat{});
    rank_zero.send(std::make_shared<const std::string>(encode(Failed{ErrorKind::kPeerLost, "rank 2 died"})));
  }
  while (!link.ended(now_)) {
    await(link);
    link.serve(now_, inbox_);
  }
  EXPECT_EQ(last_failure(), "rank 2 died");
}

TEST_F(RemoteCoordinatorTest, GarbageFromAnAdmittedRankZeroEndsIt) {
  RemoteCoordinator link(options(listener_.port), now_);
  link.serve(now_, inbox_);
  LineConnection rank_zero = accept(link);
  tell(rank_zero, link, Heartbeat{});
  rank_zero.send(std::make_shared<const std::string>("garbage\n"));
  await(link);
  link.serve(now_, inbox_);
  EXPECT_EQ(last_failure(),
            "rank 0 at 127.0.0.1:" + std::to_string(listener_.port) + " sent what is no line of bosen's job control");
}

}  // namespace
}  // namespace bosen::runtime
