// What a transport does with connections that bring anything but frames of its job.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "bosen/base/limits.h"
#include "bosen/wire/frame_header.h"
#include "tests/support/frame_forge.h"
#include "tests/support/frame_mutator.h"
#include "tests/support/net_process.h"
#include "tests/support/zmtp_peer.h"

namespace bosen::net {
namespace {

using test::barrier_number;
using test::NetProcess;
using test::receive_soon;
using test::ZmtpPeer;
using ::testing::HasSubstr;
using wire::NodeId;

/// Process 0 of three, a stranger at its port, and process 2, whose frames must arrive whatever the stranger does.
class StrangerTest : public ::testing::Test {
 protected:
  StrangerTest() { friend_.transport.connect(0, zero_.address("tcp")); }

  static std::vector<std::byte> head_of_barrier(Rank rank, std::uint64_t number) {
    return test::ForgedFrame(test::sample_frame(NodeId::client(rank), NodeId::shard(0), wire::BarrierArrive{number}))
        .sealed();
  }

  /// Receives until so many messages of the stranger have been dropped.
  [[nodiscard]] bool drops(std::uint64_t count) {
    return test::eventually([&] {
      EXPECT_FALSE(zero_.transport.receive(test::in(std::chrono::milliseconds(2))));
      return zero_.transport.statistics().frames_dropped >= count;
    });
  }

  void expect_that_others_are_heard() {
    friend_.send_barrier(0, 77);
    const auto received = receive_soon(zero_);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->peer, 2);
    EXPECT_EQ(barrier_number(*received), 77U);
  }

  NetProcess zero_{0, 3};
  NetProcess friend_{2, 3};
  ZmtpPeer stranger_{zero_.address("tcp")};
};

TEST_F(StrangerTest, AFrameByHandIsAsGoodAsAnyOther) {
  stranger_.shake_hands(test::sample_routing_id(1));
  stranger_.send_message({head_of_barrier(1, 5)});
  const auto received = receive_soon(zero_);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->peer, 1);
  EXPECT_EQ(barrier_number(*received), 5U);
}

TEST_F(StrangerTest, BytesOfAnotherProtocolAreIgnored) {
  stranger_.send_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(1000, '\xAB'));
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, NamesOfNoProcessAreNotHeard) {
  stranger_.shake_hands("hello");
  stranger_.send_message({head_of_barrier(1, 5)});
  EXPECT_TRUE(drops(1));
  EXPECT_THAT(zero_.transport.statistics().last_drop, HasSubstr("none of this job's"));
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, ARankThatDoesNotExistIsNotHeard) {
  stranger_.shake_hands(test::sample_routing_id(3));
  stranger_.send_message({head_of_barrier(1, 5)});
  EXPECT_TRUE(drops(1));
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, MessagesOfMoreThanTwoPartsAreDropped) {
  stranger_.shake_hands(test::sample_routing_id(1));
  const std::vector<std::byte> head = head_of_barrier(1, 5);
  stranger_.send_message({head, head, head});
  EXPECT_TRUE(drops(1));
  EXPECT_THAT(zero_.transport.statistics().last_drop, HasSubstr("from rank 1: frame in 3 parts"));
  stranger_.send_message(std::vector<std::vector<std::byte>>(1000, head));
  EXPECT_TRUE(drops(2));
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, AMessageThatBreaksOffDisturbsNobody) {
  {
    ZmtpPeer other(zero_.address("tcp"));
    other.shake_hands(test::sample_routing_id(1));
    other.send_bytes(std::string("\x03", 1) + std::string(6, '\0') + "\x01\x00" + "half");  // 256 bytes are promised
  }
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, AMessageBeyondTheLimitEndsItsConnection) {
  stranger_.shake_hands(test::sample_routing_id(1));
  std::string announced = "\x02";
  constexpr std::uint64_t kBytes = limits::kFrameBodyBytesMax + wire::kHeaderBytes + 1;
  for (int shift = 56; shift >= 0; shift -= 8) announced += static_cast<char>((kBytes >> shift) & 0xFF);
  stranger_.send_bytes(announced + "and so on");
  EXPECT_TRUE(stranger_.hung_up());
  expect_that_others_are_heard();
}

TEST_F(StrangerTest, HostileFramesAreDroppedOneByOne) {
  BufferPool pool;
  std::vector<wire::Frame> frames;
  for (auto& [name, frame] : test::sample_frames(pool)) frames.push_back(std::move(frame));
  test::FrameMutator mutator(testing::SimRandom(1), frames);
  stranger_.shake_hands(test::sample_routing_id(1));
  constexpr std::uint64_t kFrames = 3000;
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    test::RawFrame raw = mutator.next();
    std::vector<std::vector<std::byte>> parts{std::move(raw.head)};
    if (raw.block) parts.push_back(std::move(*raw.block));
    stranger_.send_message(parts);
  }
  std::uint64_t accepted = 0;
  EXPECT_TRUE(test::eventually([&] {
    if (zero_.transport.receive(test::in(std::chrono::milliseconds(2)))) ++accepted;
    return accepted + zero_.transport.statistics().frames_dropped == kFrames;
  }));
  EXPECT_GT(accepted, 0U);
  expect_that_others_are_heard();
}

}  // namespace
}  // namespace bosen::net
