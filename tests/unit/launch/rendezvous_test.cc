#include "bosen/launch/rendezvous.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <random>
#include <string>
#include <thread>

#include "bosen/base/error.h"
#include "bosen/base/version.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/rendezvous_server.h"

namespace bosen::launch {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = RendezvousTable::Answer::Kind;

std::string line(const std::string& rest) { return std::string("bosen ") + kVersion + " token " + rest; }

TEST(RendezvousTableTest, TellsTheAddressThatRankZeroPublished) {
  RendezvousTable table("token", 2);
  EXPECT_EQ(table.handle(line("publish 0 10.0.0.1:5000"), Clock::now()).text, "ok\n");
  const auto answer = table.handle(line("find 1"), Clock::now());
  EXPECT_EQ(answer.kind, Kind::kReply);
  EXPECT_EQ(answer.text, "coordinator 10.0.0.1:5000\n");
}

TEST(RendezvousTableTest, LetsOthersWaitAndSaysForWhom) {
  RendezvousTable table("token", 2);
  table.describe_rank_zero("rank 0 on gnode1 (pid 7)");
  const auto answer = table.handle(line("find 1"), Clock::now());
  EXPECT_EQ(answer.kind, Kind::kWait);
  EXPECT_EQ(answer.text, "waiting rank 0 on gnode1 (pid 7)\n");
}

TEST(RendezvousTableTest, RemembersWhoWasHeardOf) {
  RendezvousTable table("token", 3);
  EXPECT_FALSE(table.first_contact());
  table.handle(line("find 2"), Clock::now());
  EXPECT_TRUE(table.first_contact());
  EXPECT_TRUE(table.has_contacted(2));
  EXPECT_FALSE(table.has_contacted(1));
}

TEST(RendezvousTableTest, DropsStrangersWithoutAWord) {
  RendezvousTable table("token", 2);
  const std::string version = kVersion;
  for (const std::string& stranger :
       {std::string(), std::string("GET / HTTP/1.1"), "bosen " + version + " wrong find 1", line("find"),
        line("find -1"), line("find 2"), line("find x"), line("find 1 more"), line("publish 0"), line("steal 0 a:1"),
        std::string(400, ' '), std::string(3, '\0')}) {
    EXPECT_EQ(table.handle(stranger, Clock::now()).kind, Kind::kDrop) << stranger;
  }
  EXPECT_FALSE(table.first_contact());
}

TEST(RendezvousTableTest, RefusesAnotherVersionWithAReason) {
  RendezvousTable table("token", 2);
  const auto answer = table.handle("bosen 9.9.9 token find 1", Clock::now());
  EXPECT_EQ(answer.kind, Kind::kReply);
  EXPECT_NE(answer.text.find("error rank 1 is built with bosen 9.9.9"), std::string::npos);
}

TEST(RendezvousTableTest, RefusesASecondRankZeroAndFalseAddresses) {
  RendezvousTable table("token", 2);
  EXPECT_TRUE(table.handle(line("publish 1 a:1"), Clock::now()).text.starts_with("error only rank 0"));
  EXPECT_TRUE(table.handle(line("publish 0 a:0"), Clock::now()).text.starts_with("error 'a:0' is not HOST:PORT"));
  EXPECT_EQ(table.handle(line("publish 0 a:1"), Clock::now()).text, "ok\n");
  EXPECT_EQ(table.handle(line("publish 0 a:1"), Clock::now()).text, "ok\n");
  EXPECT_TRUE(table.handle(line("publish 0 b:1"), Clock::now()).text.starts_with("error rank 0 has already"));
  EXPECT_EQ(table.coordinator(), "a:1");
}

TEST(RendezvousTableTest, SurvivesRandomBytes) {
  RendezvousTable table("token", 2);
  std::mt19937 random(1);
  std::uniform_int_distribution<int> byte(0, 255);
  const std::string model = line("publish 0 10.0.0.1:5000");
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = model;
    for (int changes = 0; changes <= i % 8; ++changes) {
      mutated[random() % mutated.size()] = static_cast<char>(byte(random));
    }
    table.handle(mutated, Clock::now());
  }
  EXPECT_FALSE(table.has_contacted(1));
}

/// A server that is driven by its own thread while a test talks to it.
class RendezvousTest : public ::testing::Test {
 protected:
  Placement placement(Rank rank, double timeout_s = 20) const {
    Placement placement;
    placement.rank = rank;
    placement.size = 3;
    placement.job = "token";
    placement.rendezvous = "127.0.0.1:" + std::to_string(server_.port());
    placement.timeout_s = timeout_s;
    return placement;
  }

  RendezvousServer server_{"token", 3, ListenOn::kLoopback};

 private:
  void drive(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{server_.poll_fd(), POLLIN, 0};
      ::poll(&ready, 1, 10);
      server_.serve(Clock::now());
    }
  }

  std::jthread driver_{[this](const std::stop_token& stop) { drive(stop); }};
};

TEST_F(RendezvousTest, BringsProcessesTogetherWhoeverComesFirst) {
  auto early = std::async(std::launch::async, [&] { return find_coordinator(placement(1)); });
  publish_coordinator(placement(0), "127.0.0.1:5555");
  EXPECT_EQ(early.get(), "127.0.0.1:5555");
  EXPECT_EQ(find_coordinator(placement(2)), "127.0.0.1:5555");
}

TEST_F(RendezvousTest, ATimeOutNamesWhoWasWaitedFor) {
  try {
    find_coordinator(placement(1, 0.05));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
    EXPECT_NE(std::string(error.what()).find("rank 1 on 127.0.0.1: waited 0.05 s for "), std::string::npos)
        << error.what();
  }
}

TEST_F(RendezvousTest, TellsAStrangerThatItIsNotOfThisJob) {
  Placement stranger = placement(1);
  stranger.job = "other";
  EXPECT_THROW(find_coordinator(stranger), Error);
}

TEST_F(RendezvousTest, StrangersCannotKeepTheJobOut) {
  std::vector<std::unique_ptr<Connection>> strangers;
  const Address address{"127.0.0.1", server_.port()};
  for (std::size_t i = 0; i < 2 * kMaxStrangers; ++i) {
    strangers.push_back(std::make_unique<Connection>(address, deadline_after(20)));
    if (i % 2 == 0) strangers.back()->send("\x16\x03\x01 garbage without an end", deadline_after(20));
  }
  Connection flood(address, deadline_after(20));
  try {
    flood.send(std::string(100000, 'x'), deadline_after(20));
  } catch (const Error&) {  // the server may hang up before all of it is sent
  }
  publish_coordinator(placement(0), "127.0.0.1:5555");
  EXPECT_EQ(find_coordinator(placement(1)), "127.0.0.1:5555");
}

TEST(RendezvousServerTest, KeepsAllProcessesOfALargeJobThoughNoneHasSpokenYet) {
  constexpr Rank kSize = 200;
  RendezvousServer server("token", kSize, ListenOn::kLoopback);
  const Address address{"127.0.0.1", server.port()};
  const auto serve = [&] {
    for (pollfd ready{server.poll_fd(), POLLIN, 0}; ::poll(&ready, 1, 0) > 0;) server.serve(Clock::now());
  };
  std::vector<std::unique_ptr<Connection>> ranks;
  for (Rank rank = 1; rank < kSize; ++rank) {
    ranks.push_back(std::make_unique<Connection>(address, deadline_after(20)));
  }
  serve();
  EXPECT_EQ(server.strangers_dropped(), 0);
  for (Rank rank = 1; rank < kSize; ++rank) {
    ranks[static_cast<std::size_t>(rank - 1)]->send(line("find " + std::to_string(rank)) + "\n", deadline_after(20));
  }
  serve();
  for (Rank rank = 1; rank < kSize; ++rank) EXPECT_TRUE(server.table().has_contacted(rank)) << rank;
}

TEST(RendezvousClientTest, NeedsNoRendezvousWhereTheCoordinatorIsKnown) {
  Placement placement;
  placement.coordinator = "gnode1:5000";
  publish_coordinator(placement, "gnode1:5000");
  EXPECT_EQ(find_coordinator(placement), "gnode1:5000");
}

TEST(RendezvousClientTest, SaysWhenBosenRunIsGone) {
  Placement placement;
  placement.rank = 1;
  placement.size = 2;
  placement.job = "token";
  placement.rendezvous = "127.0.0.1:" + std::to_string(listen_tcp(ListenOn::kLoopback).port);
  try {
    find_coordinator(placement);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNetwork);
    EXPECT_NE(std::string(error.what()).find("cannot connect"), std::string::npos);
  }
}

}  // namespace
}  // namespace bosen::launch
