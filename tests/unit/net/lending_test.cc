// Transports of processes that share memory: which blocks are lent, and what becomes of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "bosen/base/limits.h"
#include "tests/support/net_process.h"
#include "tests/support/wire_samples.h"
#include "tests/support/zmtp_peer.h"

namespace bosen::net {
namespace {

using test::NetProcess;
using test::receive_soon;
using testing::HasSubstr;
using wire::NodeId;

/// Two processes with memory to share; process 1 can read that of process 0, and with `both_ways` the other way round.
class LendingTest : public ::testing::Test {
 protected:
  void start(bool both_ways) {
    auto zero = std::make_unique<SharedMemory>(0, 2);
    auto one = std::make_unique<SharedMemory>(1, 2);
    one->open(0, zero->address());
    if (both_ways) zero->open(1, one->address());
    zero_ = std::make_unique<NetProcess>(ZmqOptions{.rank = 0}, 2, std::move(zero));
    one_ = std::make_unique<NetProcess>(ZmqOptions{.rank = 1}, 2, std::move(one));
    one_->transport.connect(0, zero_->address("ipc"));
  }

  /// Rows of the table kDenseFloat.
  static BufferRef block_in(NetProcess& process, std::size_t rows) {
    std::vector<RowId> ids(rows);
    std::iota(ids.begin(), ids.end(), 0);
    return test::sample_block(process.pool, test::kDenseFloat, ids);
  }
  void send_rows(const BufferRef& block) {
    wire::Rows rows;
    rows.table = test::kDenseFloat;
    rows.block = block;
    zero_->transport.send(1, test::sample_frame(NodeId::shard(0), NodeId::client(1), std::move(rows)));
  }
  void send_update(const BufferRef& block) {
    one_->transport.send(
        0, test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::Update{test::kDenseFloat, 2, 0, true, block}));
  }
  static BufferRef received_block(NetProcess& process) {
    const auto received = receive_soon(process);
    EXPECT_TRUE(received) << process.transport.statistics().last_drop;
    return received ? test::block_of(received->frame) : BufferRef{};
  }
  static bool is_same(const BufferRef& a, const BufferRef& b) {
    return a && b && a->size == b->size && std::memcmp(a->data, b->data, a->size) == 0;
  }

  std::unique_ptr<NetProcess> zero_;
  std::unique_ptr<NetProcess> one_;
};

constexpr std::size_t kManyRows = 10'000;

TEST_F(LendingTest, LargeBlocksAreLentBothWays) {
  start(true);
  const BufferRef update = block_in(*one_, kManyRows);
  send_update(update);
  EXPECT_TRUE(is_same(received_block(*zero_), update));
  const BufferRef rows = block_in(*zero_, kManyRows);
  send_rows(rows);
  EXPECT_TRUE(is_same(received_block(*one_), rows));
  EXPECT_EQ(one_->transport.statistics().bytes_lent, update->size);
  EXPECT_EQ(zero_->transport.statistics().bytes_lent, rows->size);
}

TEST_F(LendingTest, LentBytesCountAsSentAndReceived) {
  start(true);
  const BufferRef update = block_in(*one_, kManyRows);
  send_update(update);
  ASSERT_TRUE(received_block(*zero_));
  const TransportStatistics sent = one_->transport.statistics();
  EXPECT_GT(sent.bytes_sent, wire::kHeaderBytes + update->size);
  EXPECT_EQ(zero_->transport.statistics().bytes_received, sent.bytes_sent);
  EXPECT_EQ(zero_->transport.traffic().table(test::kDenseFloat).bytes_received,
            one_->transport.traffic().table(test::kDenseFloat).bytes_sent);
}

TEST_F(LendingTest, SmallBlocksAreCopied) {
  start(true);
  const BufferRef update = block_in(*one_, 4);
  send_update(update);
  EXPECT_TRUE(is_same(received_block(*zero_), update));
  EXPECT_EQ(one_->transport.statistics().bytes_lent, 0U);
}

TEST_F(LendingTest, BlocksForAPeerThatCannotReadThisMemoryAreCopied) {
  start(false);
  const BufferRef update = block_in(*one_, kManyRows);
  send_update(update);
  EXPECT_TRUE(is_same(received_block(*zero_), update));
  EXPECT_EQ(one_->transport.statistics().bytes_lent, 0U);
  const BufferRef rows = block_in(*zero_, kManyRows);
  send_rows(rows);
  EXPECT_TRUE(is_same(received_block(*one_), rows));
  EXPECT_EQ(zero_->transport.statistics().bytes_lent, rows->size);
}

TEST_F(LendingTest, ABlockIsHeldWhileThePeerHasIt) {
  start(true);
  const BufferRef update = block_in(*one_, kManyRows);
  send_update(update);
  BufferRef borrowed = received_block(*zero_);
  one_->send_barrier(0, 1);
  EXPECT_FALSE(update->unique());
  borrowed = {};
  one_->send_barrier(0, 2);  // looks for what has come back
  EXPECT_TRUE(update->unique());
}

TEST_F(LendingTest, ReceivingLooksForWhatHasComeBackToo) {
  start(true);
  const BufferRef update = block_in(*one_, kManyRows);
  send_update(update);
  received_block(*zero_) = {};
  EXPECT_FALSE(one_->transport.receive(test::in(std::chrono::milliseconds(1))));
  EXPECT_TRUE(update->unique());
}

TEST_F(LendingTest, AFrameThatFailsACheckGivesItsBlockBack) {
  start(true);
  const BufferRef update = block_in(*one_, kManyRows);
  wire::Frame old =
      test::sample_frame(NodeId::client(1), NodeId::shard(0), wire::Update{test::kDenseFloat, 2, 0, true, update});
  old.header.epoch = test::kEpoch - 1;
  one_->transport.send(0, std::move(old));
  one_->send_barrier(0, 1);
  ASSERT_TRUE(receive_soon(*zero_));
  EXPECT_EQ(zero_->transport.statistics().frames_dropped, 1U);
  one_->send_barrier(0, 2);
  EXPECT_TRUE(update->unique());
}

TEST_F(LendingTest, BorrowedBlocksOutliveBothTransports) {
  start(true);
  BufferRef update = block_in(*one_, kManyRows);
  const std::vector<std::byte> bytes(update->data, update->data + update->size);
  send_update(update);
  update = {};
  const BufferRef borrowed = received_block(*zero_);
  zero_.reset();
  one_.reset();
  EXPECT_EQ(std::memcmp(borrowed->data, bytes.data(), bytes.size()), 0);
}

TEST_F(LendingTest, ReferencesByStrangersAreDropped) {
  NetProcess friendless({.rank = 0}, 2);
  NetProcess sharing({.rank = 0}, 2, std::make_unique<SharedMemory>(0, 2));
  for (NetProcess* process : {&friendless, &sharing}) {
    test::ZmtpPeer stranger(process->address("tcp"));
    stranger.shake_hands(test::sample_routing_id(1));
    stranger.send_message({std::vector<std::byte>(64), {}, std::vector<std::byte>(sizeof(BlockReference))});
    ZmqTransport& transport = process->transport;
    EXPECT_TRUE(test::eventually([&] {
      EXPECT_FALSE(transport.receive(test::in(std::chrono::milliseconds(2))));
      return transport.statistics().frames_dropped == 1;
    }));
    EXPECT_THAT(transport.statistics().last_drop, HasSubstr("can't be read here"));
  }
}

}  // namespace
}  // namespace bosen::net
