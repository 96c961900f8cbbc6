// What a transport and the links above it do when connections break: a proxy between two processes cuts them.

#include <gtest/gtest.h>

#include <memory>

#include "bosen/core/link.h"
#include "tests/support/net_process.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wire_samples.h"

namespace bosen::net {
namespace {

using test::barrier_number;
using test::NetProcess;
using test::TcpProxy;
using wire::NodeId;

constexpr std::chrono::milliseconds kMoment{2};

/// Process 1, whose only way to process 0 is the proxy.
class ReconnectTest : public ::testing::Test {
 protected:
  ReconnectTest() { one_.transport.connect(0, proxy_.address()); }

  /// Sends numbered frames until one of them has arrived. Frames may be lost, as the transport says.
  static bool gets_through(NetProcess& from, NetProcess& to, std::uint64_t number) {
    return test::eventually([&] {
      if (from.rank == 0) {
        from.send_release(1, number);
      } else {
        from.send_barrier(0, number);
      }
      // The sender's receiving thread looks after frames that wait for a connection.
      from.transport.receive(test::in(kMoment));
      const auto received = to.transport.receive(test::in(kMoment));
      return received && barrier_number(*received) == number;
    });
  }

  NetProcess zero_{0, 2};
  NetProcess one_{1, 2};
  TcpProxy proxy_{zero_.address("tcp")};
};

TEST_F(ReconnectTest, FramesFlowThroughTheProxy) {
  EXPECT_TRUE(gets_through(one_, zero_, 1));
  EXPECT_TRUE(gets_through(zero_, one_, 2));
  EXPECT_EQ(proxy_.accepted(), 1);
}

TEST_F(ReconnectTest, BothWaysOpenAgainAfterACut) {
  ASSERT_TRUE(gets_through(one_, zero_, 1));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    proxy_.cut();
    // The accepting side first: it has to find out by itself that its peer is back.
    EXPECT_TRUE(gets_through(zero_, one_, 10 * round));
    EXPECT_TRUE(gets_through(one_, zero_, 10 * round + 1));
    EXPECT_TRUE(test::eventually([&] { return proxy_.accepted() >= static_cast<int>(round) + 1; }));
  }
}

TEST_F(ReconnectTest, BothWaysOpenAgainWhereAFrameCannotBeRead) {
  ASSERT_TRUE(gets_through(one_, zero_, 1));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    proxy_.send_to_clients(std::string(test::kFrameBeyondAllMemory));
    // The accepting side can do nothing about it, so the other one notices when it sends.
    EXPECT_TRUE(test::eventually([&] {
      one_.send_barrier(0, 0);
      one_.transport.receive(test::in(kMoment));
      return proxy_.accepted() > static_cast<int>(round);
    }));
    EXPECT_TRUE(gets_through(zero_, one_, 10 * round));
    EXPECT_TRUE(gets_through(one_, zero_, 10 * round + 1));
  }
}

/// A process that has sent more than the system keeps for a connection whose other end does not read, when that
/// connection breaks and the process closes, `pause` later.
void close_beside_a_cut(std::chrono::microseconds pause) {
  NetProcess zero{0, 2};
  TcpProxy proxy{zero.address("tcp")};
  {
    NetProcess one{1, 2};
    one.transport.connect(0, proxy.address());
    one.send_barrier(0, 1);
    ASSERT_TRUE(test::receive_soon(zero));
    proxy.stall();
  }
  constexpr int kFrames = 16;
  const BufferRef block = test::sample_block(zero.pool, test::kDenseFloat, std::vector<RowId>(60'000, 1));
  for (int i = 0; i < kFrames; ++i) {
    zero.transport.send(
        1, test::sample_frame(NodeId::client(0), NodeId::shard(1), wire::Update{test::kDenseFloat, 0, 0, true, block}));
  }
  proxy.cut();
  for (const auto end = test::in(pause); std::chrono::steady_clock::now() < end;) {
  }
}

// libzmq's threads race here: no single pause meets every machine's.
TEST(ClosingTest, FramesForADeadPeerHoldNothingUp) {
  for (int pause = 0; pause < 100; ++pause) close_beside_a_cut(std::chrono::microseconds(pause));
}

/// A process with a link to its only peer, stepped by the test.
class LinkedProcess {
 public:
  LinkedProcess(NetProcess& process, Rank peer) : process_(process), peer_(peer) {}

  void send(NodeId target, wire::Message message) {
    link_.send({NodeId::client(process_.rank), target, std::move(message)}, now_, frames_);
    flush();
  }

  /// Takes what has arrived. Time is the test's own: `elapsed` passes.
  void step(core::TimeNs elapsed) {
    now_ += elapsed;
    while (auto received = process_.transport.receive(test::in(kMoment))) {
      link_.step(std::move(received->frame), now_, delivered, frames_);
    }
    link_.tick(now_, frames_);
    flush();
  }

  [[nodiscard]] const core::Link& link() const { return link_; }

  std::vector<wire::Envelope> delivered;

 private:
  void flush() {
    for (wire::Frame& frame : frames_) process_.transport.send(peer_, std::move(frame));
    frames_.clear();
  }

  NetProcess& process_;
  const Rank peer_;
  core::Link link_{test::kJob, test::kEpoch};
  core::TimeNs now_ = 1;
  std::vector<wire::Frame> frames_;
};

TEST_F(ReconnectTest, LinksDeliverEverythingOnceAndInOrderThroughCuts) {
  LinkedProcess zero(zero_, 1);
  LinkedProcess one(one_, 0);
  constexpr std::size_t kMessages = 400;
  constexpr std::size_t kMessagesPerCut = 80;
  const auto data = [](WorkerId from, WorkerId to, std::size_t number) {
    wire::ChannelData message;
    message.from = from;
    message.to = to;
    message.tag = static_cast<std::int64_t>(number);
    return message;
  };
  const auto exchange_until = [&](const std::function<bool()>& done) {
    return test::eventually([&] {
      zero.step(50'000'000);
      one.step(50'000'000);
      return done();
    });
  };
  for (std::size_t i = 0; i < kMessages; ++i) {
    zero.send(NodeId::client(1), data(0, 2, i));
    one.send(NodeId::client(0), data(2, 0, i));
    if (i % kMessagesPerCut != kMessagesPerCut / 2) continue;
    // Something has come through, something is under way.
    ASSERT_TRUE(exchange_until([&] { return zero.delivered.size() >= i && one.delivered.size() >= i; }));
    proxy_.cut();
  }
  EXPECT_TRUE(exchange_until([&] {
    return zero.delivered.size() >= kMessages && one.delivered.size() >= kMessages &&
           zero.link().unacknowledged() == 0 && one.link().unacknowledged() == 0;
  }));
  for (const LinkedProcess* process : {&zero, &one}) {
    ASSERT_EQ(process->delivered.size(), kMessages);
    for (std::size_t i = 0; i < kMessages; ++i) {
      EXPECT_EQ(std::get<wire::ChannelData>(process->delivered[i].message).tag, static_cast<std::int64_t>(i));
    }
  }
  EXPECT_GE(proxy_.accepted(), 5);
}

}  // namespace
}  // namespace bosen::net
