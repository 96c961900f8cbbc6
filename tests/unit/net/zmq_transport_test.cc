#include "bosen/net/zmq/zmq_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <thread>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "tests/support/net_process.h"
#include "tests/support/wire_samples.h"

namespace bosen::net {
namespace {

using test::barrier_number;
using test::NetProcess;
using test::receive_soon;
using testing::AllOf;
using testing::HasSubstr;
using wire::NodeId;

/// The tests that hold for every kind of address, and for processes that share memory.
class ZmqTransportTest : public ::testing::TestWithParam<std::string> {
 protected:
  /// Processes 0 .. count - 1, each connected to all of lower rank.
  void start(int count) {
    auto memories = test::open_memories(GetParam() == "shm" ? count : 0);
    memories.resize(static_cast<std::size_t>(count));
    for (Rank rank = 0; rank < count; ++rank) {
      const ZmqOptions options{.rank = rank};
      processes_.push_back(
          std::make_unique<NetProcess>(options, count, std::move(memories[static_cast<std::size_t>(rank)])));
      for (Rank lower = 0; lower < rank; ++lower) {
        process(rank).transport.connect(lower, process(lower).address(kind()));
      }
    }
  }
  [[nodiscard]] std::string kind() const { return GetParam() == "shm" ? "ipc" : GetParam(); }
  NetProcess& process(Rank rank) { return *processes_[static_cast<std::size_t>(rank)]; }

 private:
  std::vector<std::unique_ptr<NetProcess>> processes_;
};

INSTANTIATE_TEST_SUITE_P(Over, ZmqTransportTest, testing::Values("tcp", "ipc", "shm"),
                         [](const auto& instance) { return instance.param; });

TEST_P(ZmqTransportTest, DeliversEveryKindOfMessage) {
  start(2);
  for (const auto& [name, frame] : test::sample_frames(process(1).pool)) {
    const Rank from = frame.header.source == NodeId::shard(0) ? 0 : 1;
    process(from).transport.send(1 - from, frame);
    const auto received = receive_soon(process(1 - from));
    ASSERT_TRUE(received) << name << ": " << process(1 - from).transport.statistics().last_drop;
    EXPECT_EQ(received->peer, from) << name;
    EXPECT_EQ(received->frame.header.acknowledged, frame.header.acknowledged) << name;
    ASSERT_EQ(received->frame.message.has_value(), frame.message.has_value()) << name;
    if (frame.message) {
      EXPECT_TRUE(test::same_message(*received->frame.message, *frame.message)) << name;
    }
  }
}

TEST_P(ZmqTransportTest, KeepsTheOrderOfFrames) {
  start(2);
  constexpr std::uint64_t kFrames = 2000;
  for (std::uint64_t i = 0; i < kFrames; ++i) process(1).send_barrier(0, i);
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    const auto received = receive_soon(process(0));
    ASSERT_TRUE(received);
    ASSERT_EQ(barrier_number(*received), i);
  }
}

TEST_P(ZmqTransportTest, MovesLargeBlocksUnchangedAndAligned) {
  start(2);
  std::vector<RowId> ids(300'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<RowId>(i * 3);
  const BufferRef block = test::sample_block(process(1).pool, test::kDenseFloat, ids);
  process(1).transport.send(
      0, test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::Update{test::kDenseFloat, 2, 0, true, block}));
  const auto received = receive_soon(process(0));
  ASSERT_TRUE(received);
  const BufferRef arrived = test::block_of(received->frame);
  ASSERT_EQ(arrived->size, block->size);
  EXPECT_EQ(std::memcmp(arrived->data, block->data, block->size), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arrived->data) % 8, 0U);
}

TEST_P(ZmqTransportTest, LetsGoOfABlockOnceItHasLeft) {
  start(2);
  BufferRef block = test::sample_block(process(1).pool, test::kDenseFloat, {1});
  process(1).transport.send(
      0, test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::Update{test::kDenseFloat, 2, 0, true, block}));
  ASSERT_TRUE(receive_soon(process(0)));
  EXPECT_TRUE(test::eventually([&] { return block.get()->unique(); }));
}

TEST(ZmqTransportAddressTest, ListensToBothKindsOfAddressesOnAllInterfaces) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    if (host == "::1" && !test::has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
    NetProcess zero({.rank = 0, .bind_host = "*", .public_host = host}, 2);
    NetProcess one(1, 2);
    one.transport.connect(0, zero.address("tcp"));
    one.send_barrier(0, 7);
    const auto received = receive_soon(zero);
    ASSERT_TRUE(received) << host;
    EXPECT_EQ(barrier_number(*received), 7U);
  }
}

TEST_P(ZmqTransportTest, KeepsFramesForAPeerThatConnectsLater) {
  NetProcess early(0, 2);
  for (std::uint64_t i = 0; i < 10; ++i) early.send_release(1, i);
  NetProcess late(1, 2);
  late.transport.connect(0, early.address(kind()));
  const std::jthread reception([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) early.transport.receive(test::in(std::chrono::milliseconds(5)));
  });
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto received = receive_soon(late);
    ASSERT_TRUE(received);
    EXPECT_EQ(barrier_number(*received), i);
  }
}

TEST_P(ZmqTransportTest, NamesThePeersThatItNeverHeardFrom) {
  NetProcess lower(0, 2);
  lower.send_release(1, 1);
  EXPECT_THAT(lower.transport.statistics().unreached,
              AllOf(HasSubstr("no connection from rank 1 to "), HasSubstr(lower.address(kind()))));
  NetProcess higher(1, 2);
  higher.transport.connect(0, lower.address(kind()));
  EXPECT_EQ(higher.transport.statistics().unreached, "") << "it was asked nothing";
  higher.send_barrier(0, 1);
  EXPECT_EQ(higher.transport.statistics().unreached, "no answer from rank 0 at " + lower.address(kind()));
  ASSERT_TRUE(receive_soon(lower));
  lower.send_release(1, 2);
  ASSERT_TRUE(receive_soon(higher));
  EXPECT_EQ(lower.transport.statistics().unreached, "");
  EXPECT_EQ(higher.transport.statistics().unreached, "");
}

TEST_P(ZmqTransportTest, KeepsFramesThatArriveBeforeItKnowsTheJob) {
  BufferPool pool;
  ZmqTransport unprepared({.rank = 0}, pool);
  NetProcess sender(1, 2);
  sender.transport.connect(0, test::address_of_kind(unprepared, kind()));
  for (std::uint64_t i = 0; i < 10; ++i) sender.send_barrier(0, i);
  EXPECT_FALSE(unprepared.receive(test::in(std::chrono::milliseconds(1))));
  unprepared.set_context(test::sample_context(2));
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto received = unprepared.receive(test::in(test::kPatience));
    ASSERT_TRUE(received);
    EXPECT_EQ(barrier_number(*received), i);
  }
}

TEST_P(ZmqTransportTest, ConnectsEveryPairOfThreeProcesses) {
  start(3);
  for (Rank from = 0; from < 3; ++from) {
    for (Rank to = 0; to < 3; ++to) {
      if (from != to) process(from).send_channel(to, 0, 10 * from + to);
    }
  }
  EXPECT_TRUE(test::eventually([&] {
    std::size_t seen = 0;
    for (Rank rank = 0; rank < 3; ++rank) {
      const auto received = process(rank).transport.receive(test::in(std::chrono::milliseconds(5)));
      if (received) process(rank).seen.push_back(test::tag_of(*received));
      seen += process(rank).seen.size();
    }
    return seen == 6;
  }));
  EXPECT_THAT(process(0).seen, testing::UnorderedElementsAre(10, 20));
  EXPECT_THAT(process(1).seen, testing::UnorderedElementsAre(1, 21));
  EXPECT_THAT(process(2).seen, testing::UnorderedElementsAre(2, 12));
}

// Threads send in both directions while both sides receive: a wake-up that is lost would stop one of them.
TEST_P(ZmqTransportTest, LosesNoWakeUpWhileManyThreadsSend) {
  start(2);
  process(1).send_barrier(0, 0);
  ASSERT_TRUE(receive_soon(process(0)));  // now both ways are open, and nothing has to wait for them
  constexpr int kThreads = 3;
  constexpr std::uint64_t kFrames = 3000;
  const auto exchange = [&](Rank rank) {
    NetProcess& own = process(rank);
    std::vector<std::jthread> senders;
    for (int thread = 0; thread < kThreads; ++thread) {
      senders.emplace_back([&own, rank, thread] {
        for (std::uint64_t i = 0; i < kFrames; ++i) {
          own.send_channel(1 - rank, thread, static_cast<std::int64_t>(i));
        }
      });
    }
    std::vector<std::int64_t> next(kThreads, 0);
    for (std::uint64_t i = 0; i < kThreads * kFrames; ++i) {
      const auto received = receive_soon(own);
      if (!received) return false;
      const auto* data = std::get_if<wire::ChannelData>(&*received->frame.message);
      if (data->tag != next[data->channel]++) return false;
    }
    return true;
  };
  bool other = false;
  {
    const std::jthread thread([&] { other = exchange(1); });
    EXPECT_TRUE(exchange(0));
  }
  EXPECT_TRUE(other);
}

TEST_P(ZmqTransportTest, CountsFramesAndBytes) {
  start(2);
  process(1).send_barrier(0, 1);
  ASSERT_TRUE(receive_soon(process(0)));
  const TransportStatistics sent = process(1).transport.statistics();
  const TransportStatistics received = process(0).transport.statistics();
  EXPECT_EQ(sent.frames_sent, 1U);
  EXPECT_EQ(sent.bytes_sent, wire::kHeaderBytes + 8);
  EXPECT_EQ(received.frames_received, 1U);
  EXPECT_EQ(received.bytes_received, wire::kHeaderBytes + 8);
  EXPECT_EQ(received.frames_dropped, 0U);
}

TEST_P(ZmqTransportTest, DropsAndCountsFramesOfAnotherEpoch) {
  start(2);
  wire::Frame old = test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::BarrierArrive{1});
  old.header.epoch = test::kEpoch - 1;
  process(1).transport.send(0, old);
  process(1).send_barrier(0, 2);
  const auto received = receive_soon(process(0));
  ASSERT_TRUE(received);
  EXPECT_EQ(barrier_number(*received), 2U);
  const TransportStatistics statistics = process(0).transport.statistics();
  EXPECT_EQ(statistics.frames_dropped, 1U);
  EXPECT_THAT(statistics.last_drop, HasSubstr("from rank 1: frame belongs to epoch 2"));
}

TEST_P(ZmqTransportTest, DropsAndCountsFramesOfAnotherJob) {
  NetProcess own(0, 2);
  BufferPool pool;
  ZmqTransport stranger({.rank = 1}, pool);
  wire::DecodeContext context = test::sample_context(2);
  context.job = 99;
  stranger.set_context(context);
  stranger.connect(0, own.address(kind()));
  stranger.send(0, test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::BarrierArrive{1}));
  EXPECT_TRUE(test::eventually([&] {
    EXPECT_FALSE(own.transport.receive(test::in(std::chrono::milliseconds(5))));
    return own.transport.statistics().frames_dropped == 1;
  }));
  EXPECT_THAT(own.transport.statistics().last_drop, HasSubstr("none of this job's"));
}

TEST_P(ZmqTransportTest, DropsFramesThatClaimToComeFromAnotherProcess) {
  start(3);
  wire::Frame forged = test::sample_frame(NodeId::client(2), NodeId::shard(0), wire::BarrierArrive{1});
  process(1).transport.send(0, forged);
  EXPECT_TRUE(test::eventually([&] {
    EXPECT_FALSE(process(0).transport.receive(test::in(std::chrono::milliseconds(5))));
    return process(0).transport.statistics().frames_dropped == 1;
  }));
  EXPECT_THAT(process(0).transport.statistics().last_drop, HasSubstr("from rank 1"));
}

TEST(ZmqTransportWakeTest, ReturnsNothingAtTheDeadline) {
  NetProcess process(0, 2);
  EXPECT_FALSE(process.transport.receive(test::in(std::chrono::milliseconds(1))));
}

TEST(ZmqTransportWakeTest, AWakeBeforeReceiveIsNotLost) {
  NetProcess process(0, 2);
  process.transport.wake();
  EXPECT_FALSE(process.transport.receive(std::chrono::steady_clock::time_point::max()));
}

TEST(ZmqTransportWakeTest, AWakeEndsAReceiveThatWaits) {
  NetProcess process(0, 2);
  const std::jthread waker([&] { process.transport.wake(); });
  EXPECT_FALSE(process.transport.receive(std::chrono::steady_clock::time_point::max()));
}

TEST(ZmqTransportLimitTest, BoundsTheFramesThatWaitForAConnection) {
  NetProcess process(0, 2);
  for (std::uint64_t i = 0; i < limits::kSendWindowFrames + 5; ++i) process.send_release(1, i);
  const TransportStatistics statistics = process.transport.statistics();
  EXPECT_EQ(statistics.frames_dropped, 5U);
  EXPECT_EQ(statistics.frames_sent, 0U);
  EXPECT_THAT(statistics.last_drop, HasSubstr("to rank 1"));
}

std::string error_of(const ZmqOptions& options, ErrorKind kind) {
  try {
    BufferPool pool;
    const ZmqTransport transport(options, pool);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(ZmqTransportErrorTest, SaysThatAPortIsInUse) {
  NetProcess other(0, 2);
  const std::string address = other.address("tcp");
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  const std::string message = error_of({.rank = 1, .port = port}, ErrorKind::kNetwork);
  EXPECT_THAT(message, HasSubstr("rank 1: cannot listen at tcp://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(message, HasSubstr("choose another port"));
}

TEST(ZmqTransportErrorTest, SaysThatAnAddressIsNotThisHosts) {
  for (const char* host : {"192.0.2.1", "no-such-interface"}) {
    const std::string message = error_of({.rank = 1, .bind_host = host}, ErrorKind::kNetwork);
    EXPECT_THAT(message, HasSubstr(std::string("cannot listen at tcp://") + host));
    EXPECT_THAT(message, HasSubstr("give an address or an interface of this host"));
  }
}

TEST(ZmqTransportErrorTest, AsksForANameWhenItListensEverywhere) {
  EXPECT_THAT(error_of({.rank = 1, .bind_host = "*"}, ErrorKind::kUsage), HasSubstr("other hosts shall connect to"));
}

TEST(ZmqTransportAddressTest, TellsTheNameThatOthersShallUse) {
  BufferPool pool;
  const ZmqTransport transport({.rank = 0, .bind_host = "*", .public_host = "node7", .ipc = false}, pool);
  ASSERT_EQ(transport.addresses().size(), 1U);
  EXPECT_THAT(transport.addresses()[0], testing::MatchesRegex("tcp://node7:[0-9]+"));
}

TEST(ZmqTransportAddressTest, PutsBracketsAroundAddressesWithColons) {
  BufferPool pool;
  const ZmqTransport transport({.rank = 0, .bind_host = "*", .public_host = "fe80::7", .ipc = false}, pool);
  EXPECT_THAT(transport.addresses()[0], testing::MatchesRegex("tcp://\\[fe80::7\\]:[0-9]+"));
}

TEST(ZmqTransportAddressTest, ListensAndConnectsByIpVersion6) {
  BufferPool pool;
  std::unique_ptr<ZmqTransport> zero;
  try {
    zero = std::make_unique<ZmqTransport>(ZmqOptions{.rank = 0, .bind_host = "::1", .ipc = false}, pool);
  } catch (const Error& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
  zero->set_context(test::sample_context(2));
  NetProcess one(1, 2);
  one.transport.connect(0, zero->addresses()[0]);
  one.send_barrier(0, 3);
  const auto received = zero->receive(test::in(test::kPatience));
  ASSERT_TRUE(received);
  EXPECT_EQ(barrier_number(*received), 3U);
}

TEST(ZmqTransportAddressTest, ListensOnIpcLast) {
  BufferPool pool;
  const ZmqTransport transport({.rank = 0}, pool);
  ASSERT_EQ(transport.addresses().size(), 2U);
  EXPECT_THAT(transport.addresses()[0], HasSubstr("tcp://127.0.0.1:"));
  EXPECT_THAT(transport.addresses()[1], HasSubstr("ipc://@bosen-"));
}

}  // namespace
}  // namespace bosen::net
