// Of what waits on a link the highest priority goes first, and little is on its way that could not be overtaken.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "bosen/core/link.h"

namespace bosen::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::Envelope;
using wire::Frame;
using wire::NodeId;

constexpr std::size_t kBlock = limits::kBlockBytes;
constexpr int kPeers = 100;  // so that each has the least

class LinkPriorityTest : public ::testing::Test {
 protected:
  /// A small message; `number` tells it apart.
  static Envelope message(std::uint64_t number, std::int32_t priority) {
    return {NodeId::client(0), NodeId::shard(0), wire::BarrierArrive{number}, priority};
  }
  static Envelope fence(std::uint64_t number) {
    return {
        .from = NodeId::client(0), .to = NodeId::shard(0), .message = wire::BarrierArrive{number}, .is_fence = true};
  }
  Envelope block(std::int32_t priority, std::size_t bytes = kBlock) {
    wire::Update update;
    update.block = pool_.take(bytes);
    update.block->size = bytes;
    return {NodeId::client(0), NodeId::shard(0), std::move(update), priority};
  }

  std::vector<Frame> send(Link& link, Envelope envelope, TimeNs now = 0) {
    std::vector<Frame> frames;
    link.send(std::move(envelope), now, frames);
    return frames;
  }
  static std::vector<Frame> acknowledge(Link& link, std::uint64_t sequence, TimeNs now = 0) {
    Frame frame;
    frame.header.acknowledged = sequence;
    std::vector<Envelope> delivered;
    std::vector<Frame> frames;
    link.step(std::move(frame), now, delivered, frames);
    return frames;
  }
  /// Numbers of small messages that wait, in the order in which they leave through a window of one frame.
  static std::vector<std::uint64_t> order_of(Link& link, std::size_t waiting) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t sequence = 1; sequence <= waiting; ++sequence) {
      const std::vector<Frame> next = acknowledge(link, sequence);
      if (next.size() != 1) break;
      EXPECT_EQ(next[0].header.sequence, sequence + 1) << "the peer delivers in the order of sending";
      order.push_back(std::get<wire::BarrierArrive>(*next[0].message).barrier);
    }
    return order;
  }
  /// Two blocks of different priorities; from now on the link keeps its window small.
  void rank(Link& link) {
    send(link, block(0));
    send(link, block(1));
    acknowledge(link, 2);
  }
  std::size_t fill(Link& link, int blocks, TimeNs now = 0) {
    std::size_t sent = 0;
    for (int i = 0; i < blocks; ++i) sent += send(link, block(0), now).size();
    return sent;
  }

  BufferPool pool_;
};

TEST_F(LinkPriorityTest, WhatIsUrgentOvertakesWhatWaits) {
  Link link(7, 1, 1, 1);
  send(link, message(0, 0));
  const std::vector<Envelope> waiting = {message(1, 0), message(2, 5),  message(3, -1), message(4, 5),
                                         message(5, 9), message(6, -1), message(7, 0)};
  for (const Envelope& envelope : waiting) EXPECT_THAT(send(link, envelope), IsEmpty());
  EXPECT_EQ(link.unacknowledged(), 8U);
  EXPECT_THAT(order_of(link, waiting.size()), ElementsAre(5, 2, 4, 1, 7, 3, 6));
}

TEST_F(LinkPriorityTest, AFenceOvertakesNothingAndNothingOvertakesIt) {
  Link link(7, 1, 1, 1);
  send(link, message(0, 0));
  const std::vector<Envelope> waiting = {
      message(1, 0), message(2, std::numeric_limits<std::int32_t>::min()), fence(3), message(4, 9), fence(5), fence(6),
      message(7, 0), message(8, std::numeric_limits<std::int32_t>::max())};
  for (const Envelope& envelope : waiting) EXPECT_THAT(send(link, envelope), IsEmpty());
  EXPECT_THAT(order_of(link, waiting.size()), ElementsAre(1, 2, 3, 4, 5, 6, 8, 7));
}

TEST_F(LinkPriorityTest, AFenceThatDoesNotWaitHoldsNothingBack) {
  Link link(7, 1, 1, 1);
  EXPECT_THAT(send(link, fence(0)), SizeIs(1));
  send(link, message(1, 0));
  send(link, message(2, 1));
  EXPECT_THAT(order_of(link, 2), ElementsAre(2, 1));
}

TEST_F(LinkPriorityTest, LittleIsOnItsWayWhereRowsHavePriorities) {
  Link link(7, 1, kPeers);
  rank(link);
  EXPECT_EQ(fill(link, 100), limits::kRankedWindowBytesMin / kBlock);
  EXPECT_EQ(link.backlog_bytes(), 100 * (kBlock + limits::kMessageBytes) - limits::kSendWindowBytesMax)
      << "workers wait no earlier";
  EXPECT_THAT(send(link, block(1)), IsEmpty());
  const std::vector<Frame> next = acknowledge(link, 3, limits::kRankedQueueDelayNs);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(fill(link, 1), 0U);
}

TEST_F(LinkPriorityTest, FewPeersHaveMoreOnTheirWayEach) {
  for (const int peers : {1, 2}) {
    Link link(7, 1, peers);
    rank(link);
    EXPECT_EQ(fill(link, 100), limits::kRankedWindowsBytes / kBlock / static_cast<std::size_t>(peers));
  }
}

TEST_F(LinkPriorityTest, WhoCountsNoPeersHasOneAtTheLeast) {
  Link link(7, 1, 0);
  rank(link);
  EXPECT_EQ(fill(link, 100), limits::kRankedWindowsBytes / kBlock);
}

TEST_F(LinkPriorityTest, MessagesWithoutRowsMakeNoDifference) {
  Link link(7, 1, kPeers);
  send(link, block(0));
  send(link, message(0, 1));
  send(link, fence(0));
  acknowledge(link, 3);
  EXPECT_EQ(fill(link, 100), limits::kSendWindowBytesMax / kBlock);
}

TEST_F(LinkPriorityTest, TheWindowGrowsInSmallStepsWhileFramesAreFast) {
  Link link(7, 1, kPeers);
  rank(link);
  std::size_t in_flight = fill(link, 200);
  std::uint64_t acknowledged = 2;
  TimeNs now = 0;
  for (int i = 0; i < 8; ++i) {  // eight blocks are acknowledged, which is one more
    in_flight += acknowledge(link, ++acknowledged, ++now).size() - 1;
  }
  EXPECT_EQ(in_flight, limits::kRankedWindowBytesMin / kBlock + 1);
}

TEST_F(LinkPriorityTest, TheWindowShrinksWhereFramesTakeLong) {
  Link link(7, 1, kPeers);
  rank(link);
  std::size_t in_flight = fill(link, 200);
  std::uint64_t acknowledged = 2;
  for (int i = 0; i < 64; ++i) in_flight += acknowledge(link, ++acknowledged).size() - 1;
  ASSERT_EQ(in_flight, limits::kRankedWindowBytesMin / kBlock + 8);
  in_flight += acknowledge(link, ++acknowledged, 2 * limits::kRankedQueueDelayNs).size() - 1;
  EXPECT_EQ(in_flight, limits::kRankedWindowBytesMin / kBlock + 7) << "only half is wanted now";
  while (acknowledge(link, acknowledged + 1, 2 * limits::kRankedQueueDelayNs).empty()) ++acknowledged, --in_flight;
  EXPECT_EQ(in_flight, (limits::kRankedWindowBytesMin / kBlock + 8) / 2);
}

TEST_F(LinkPriorityTest, TheWindowIsNoSmallerWhereTheNetworkWasSlowBefore) {
  Link link(7, 1, kPeers);
  constexpr TimeNs kLate = 1000 * limits::kQueueDelayNs;
  acknowledge(link, fill(link, limits::kSendWindowBytesMax / kBlock), kLate);
  send(link, block(1), kLate);
  EXPECT_EQ(fill(link, 100, kLate), limits::kRankedWindowBytesMin / kBlock - 1);
}

TEST_F(LinkPriorityTest, TheWayItselfIsNoReasonToSendLess) {
  Link link(7, 1, kPeers);
  constexpr TimeNs kWay = 3 * limits::kRankedQueueDelayNs;
  send(link, block(0));
  send(link, block(1));
  acknowledge(link, 2, kWay);
  constexpr std::size_t kLeast = limits::kRankedWindowBytesMin / kBlock;
  ASSERT_EQ(fill(link, 200, kWay), kLeast);
  EXPECT_THAT(acknowledge(link, 2 + kLeast, 2 * kWay), SizeIs(kLeast + 1)) << "nothing queues: more is tried";
  const TimeNs late = 2 * kWay + 2 * (kWay + limits::kRankedQueueDelayNs);
  EXPECT_THAT(acknowledge(link, 3 + 2 * kLeast, late), SizeIs(kLeast)) << "half is wanted, or the least";
}

TEST_F(LinkPriorityTest, SomethingFollowsAFrameThatFillsTheWindow) {
  Link link(7, 1, kPeers);
  rank(link);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(send(link, block(0, 2 * limits::kRankedWindowBytesMin)), SizeIs(i < 2 ? 1 : 0));
  }
  EXPECT_THAT(acknowledge(link, 3), SizeIs(1));
}

TEST_F(LinkPriorityTest, NoMoreThanAWindowFollowsAFrameThatFillsIt) {
  Link link(7, 1, kPeers);
  rank(link);
  EXPECT_THAT(send(link, block(0, 8 * limits::kRankedWindowBytesMin)), SizeIs(1));
  EXPECT_EQ(fill(link, 100), limits::kRankedWindowBytesMin / kBlock);
}

TEST_F(LinkPriorityTest, FramesAsLargeAsTheLargestWindowGoOneByOne) {
  Link link(7, 1, kPeers);
  rank(link);
  EXPECT_THAT(send(link, block(0, limits::kSendWindowBytesMax)), SizeIs(1));
  EXPECT_THAT(send(link, block(0)), IsEmpty());
}

TEST_F(LinkPriorityTest, AsksForAcknowledgementsWhereTheWindowIsSmall) {
  Link sender(7, 1);
  Link receiver(7, 1);
  std::vector<Frame> sent = send(sender, block(0));
  EXPECT_FALSE(sent[0].header.asks);
  sent = send(sender, block(1));
  EXPECT_TRUE(sent[0].header.asks);
  EXPECT_FALSE(send(sender, message(0, 0))[0].header.asks);
  std::vector<Envelope> delivered;
  std::vector<Frame> answers;
  sent[0].header.sequence = 1;
  receiver.step(std::move(sent[0]), 0, delivered, answers);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].header.acknowledged, 1U);
  EXPECT_FALSE(answers[0].header.asks);
}

}  // namespace
}  // namespace bosen::core
