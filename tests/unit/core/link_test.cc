#include "bosen/core/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bosen/base/limits.h"
#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr TimeNs kStart = 5'000'000'000;

wire::Envelope message(std::uint64_t number) {
  return {wire::NodeId::client(0), wire::NodeId::shard(3), wire::BarrierArrive{number}};
}

std::vector<std::uint64_t> numbers(const std::vector<wire::Envelope>& envelopes) {
  std::vector<std::uint64_t> result;
  for (const wire::Envelope& envelope : envelopes) {
    result.push_back(std::get<wire::BarrierArrive>(envelope.message).barrier);
  }
  return result;
}

/// One end, with what comes out of it.
struct End {
  Link link{11, 22};
  std::vector<wire::Frame> frames;
  std::vector<wire::Envelope> delivered;

  void send(std::uint64_t number, TimeNs now = kStart) { link.send(message(number), now, frames); }
  void receive(const wire::Frame& frame, TimeNs now = kStart) { link.step(frame, now, delivered, frames); }
  void tick(TimeNs now) { link.tick(now, frames); }
  std::vector<wire::Frame> take() { return std::exchange(frames, {}); }
};

wire::Frame acknowledgement(std::uint64_t sequence) {
  wire::Frame frame;
  frame.header.acknowledged = sequence;
  return frame;
}

TEST(Link, GivesALargeFrameTheTimeThatASlowNetworkTakes) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  BufferPool pool;
  End end;
  wire::Update update;
  update.block = pool.take(kBytes);
  update.block->size = kBytes;
  end.link.send({wire::NodeId::client(0), wire::NodeId::shard(3), std::move(update)}, kStart, end.frames);
  end.take();
  end.tick(kStart + 20 * limits::kRetransmitNs);
  EXPECT_THAT(end.take(), IsEmpty()) << "it may still be on its way";
  end.tick(kStart + 40 * limits::kRetransmitNs);
  EXPECT_THAT(end.take(), SizeIs(1));
}

TEST(Link, NumbersFramesFromOneAndAddressesThem) {
  End end;
  end.send(100);
  end.send(101);
  const auto frames = end.take();
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.sequence, 1U);
  EXPECT_EQ(frames[1].header.sequence, 2U);
  EXPECT_EQ(frames[1].header.job, 11U);
  EXPECT_EQ(frames[1].header.epoch, 22U);
  EXPECT_EQ(frames[1].header.source, wire::NodeId::client(0));
  EXPECT_EQ(frames[1].header.target, wire::NodeId::shard(3));
}

TEST(Link, DeliversOnceAndInOrderWhateverComesWhen) {
  End from;
  End to;
  for (std::uint64_t i = 1; i <= 5; ++i) from.send(i);
  const auto frames = from.take();
  for (const std::size_t i : {2U, 1U, 1U, 0U, 4U, 0U, 2U, 3U, 4U}) to.receive(frames[i]);
  EXPECT_THAT(numbers(to.delivered), ElementsAre(1, 2, 3, 4, 5));
}

TEST(Link, KeepsTheSenderOfEveryMessage) {
  End from;
  End to;
  from.send(1);
  to.receive(from.take()[0]);
  EXPECT_EQ(to.delivered[0].from, wire::NodeId::client(0));
  EXPECT_EQ(to.delivered[0].to, wire::NodeId::shard(3));
}

TEST(Link, AcknowledgesOnTheNextFrameOfItsOwn) {
  End from;
  End to;
  from.send(1);
  to.receive(from.take()[0]);
  to.send(7);
  EXPECT_EQ(to.frames[0].header.acknowledged, 1U);
  EXPECT_FALSE(to.link.deadline() == kStart + limits::kAcknowledgeDelayNs);
  from.receive(to.take()[0]);
  EXPECT_EQ(from.link.unacknowledged(), 0U);
}

TEST(Link, AcknowledgesByItselfWhenItHasNothingToSay) {
  End from;
  End to;
  from.send(1);
  to.receive(from.take()[0]);
  EXPECT_EQ(to.link.deadline(), kStart + limits::kAcknowledgeDelayNs);
  to.tick(kStart + limits::kAcknowledgeDelayNs - 1);
  EXPECT_THAT(to.frames, IsEmpty());
  to.tick(kStart + limits::kAcknowledgeDelayNs);
  ASSERT_THAT(to.frames, SizeIs(1));
  EXPECT_EQ(to.frames[0].header.sequence, 0U);
  EXPECT_EQ(to.frames[0].header.acknowledged, 1U);
  EXPECT_FALSE(to.frames[0].message);
  EXPECT_EQ(to.link.deadline(), std::nullopt);
}

TEST(Link, AcknowledgesAtOnceAfterManyFrames) {
  End from;
  End to;
  for (std::uint64_t i = 0; i < limits::kAcknowledgeEveryFrames; ++i) from.send(i);
  for (const wire::Frame& frame : from.take()) to.receive(frame);
  ASSERT_THAT(to.frames, SizeIs(1));
  EXPECT_EQ(to.frames[0].header.acknowledged, limits::kAcknowledgeEveryFrames);
}

TEST(Link, AcknowledgesWhatItHadAlreadySoThatThePeerStopsRepeating) {
  End from;
  End to;
  from.send(1);
  const auto frames = from.take();
  to.receive(frames[0]);
  to.tick(kStart + limits::kAcknowledgeDelayNs);
  to.take();                                              // lost
  to.receive(frames[0], kStart + limits::kRetransmitNs);  // as a network may do by itself
  EXPECT_THAT(to.delivered, SizeIs(1));
  to.tick(kStart + limits::kRetransmitNs + limits::kAcknowledgeDelayNs);
  EXPECT_THAT(to.frames, SizeIs(1));
}

TEST(Link, AnswersARepeatedFrameAtOnce) {
  End from;
  End to;
  from.send(1);
  EXPECT_FALSE(from.take()[0].header.repeated);  // lost
  from.tick(kStart + limits::kRetransmitNs);
  const auto again = from.take();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_TRUE(again[0].header.repeated);
  for (int i = 0; i < 2; ++i) {  // whether it has the frame already or not
    to.receive(again[0]);
    const auto answers = to.take();
    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_FALSE(answers[0].message);
    EXPECT_EQ(answers[0].header.sequence, 1U);
    EXPECT_EQ(answers[0].header.acknowledged, 1U);
    EXPECT_TRUE(answers[0].header.repeated);
  }
}

TEST(Link, AcknowledgementsAreNotAcknowledged) {
  End end;
  end.receive(acknowledgement(0));
  EXPECT_EQ(end.link.deadline(), std::nullopt);
  EXPECT_THAT(end.delivered, IsEmpty());
}

TEST(Link, HoldsFramesBackWhereTheWindowIsFull) {
  End end;
  for (std::uint64_t i = 1; i <= limits::kSendWindowFrames + 10; ++i) end.send(i);
  EXPECT_THAT(end.take(), SizeIs(limits::kSendWindowFrames));
  EXPECT_EQ(end.link.unacknowledged(), limits::kSendWindowFrames + 10);
  end.receive(acknowledgement(3));
  EXPECT_THAT(end.take(), SizeIs(3));
  end.receive(acknowledgement(limits::kSendWindowFrames + 3));
  EXPECT_THAT(end.take(), SizeIs(7));
  EXPECT_EQ(end.link.unacknowledged(), 7U);
}

TEST(Link, WhatWaitsKeepsItsPlace) {
  End from;
  End to;
  for (std::uint64_t i = 1; i <= limits::kSendWindowFrames + 2; ++i) from.send(i);
  from.take();
  from.receive(acknowledgement(1));
  from.send(99);  // there would be room for it
  from.receive(acknowledgement(limits::kSendWindowFrames + 1));
  const auto frames = from.take();
  ASSERT_THAT(frames, SizeIs(3));
  EXPECT_EQ(std::get<wire::BarrierArrive>(*frames[2].message).barrier, 99U);
}

TEST(Link, SendsAgainAfterSilenceLessAndLessOften) {
  End end;
  end.send(1);
  end.send(2);
  end.take();
  TimeNs now = kStart;
  TimeNs silence = limits::kRetransmitNs;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(end.link.deadline(), now + silence);
    end.tick(now + silence - 1);
    EXPECT_THAT(end.take(), IsEmpty());
    now += silence;
    end.tick(now);
    EXPECT_THAT(end.take(), SizeIs(2));
    silence = std::min(2 * silence, limits::kRetransmitMaxNs);
  }
  EXPECT_EQ(end.link.retransmissions(), 12U);
  end.receive(acknowledgement(1), now);
  EXPECT_EQ(end.link.deadline(), now + limits::kRetransmitNs) << "progress makes it hopeful again";
}

TEST(Link, TheSilenceBeginsWithTheFirstFrameUnderWay) {
  End end;
  end.send(1, kStart);
  end.receive(acknowledgement(1), kStart);
  end.send(2, kStart + 100 * limits::kRetransmitNs);
  EXPECT_EQ(end.link.deadline(), kStart + 101 * limits::kRetransmitNs);
}

TEST(Link, ARepeatedFrameCarriesTheLatestAcknowledgement) {
  End end;
  End peer;
  end.send(1);
  end.take();
  peer.send(5);
  end.receive(peer.take()[0]);
  end.tick(kStart + limits::kRetransmitNs);
  const auto frames = end.take();
  EXPECT_EQ(frames.back().header.acknowledged, 1U);
}

TEST(Link, IgnoresAcknowledgementsOfWhatItNeverSent) {
  End end;
  end.send(1);
  for (const std::uint64_t hostile : {std::uint64_t{2}, ~std::uint64_t{0}}) end.receive(acknowledgement(hostile));
  EXPECT_EQ(end.link.unacknowledged(), 1U);
  end.receive(acknowledgement(1));
  EXPECT_EQ(end.link.unacknowledged(), 0U);
  end.receive(acknowledgement(0));
  end.send(2);
  EXPECT_EQ(end.frames.back().header.sequence, 2U);
}

TEST(Link, KeepsNoMoreEarlyFramesThanTheWindow) {
  End to;
  wire::Frame frame;
  frame.message = wire::BarrierArrive{0};
  // The last one that fits, and those beyond it, up to numbers that wrap around.
  for (const std::uint64_t sequence :
       {limits::kReceiveWindowFrames, limits::kReceiveWindowFrames + 1, std::size_t{1} << 40, ~std::size_t{0}}) {
    frame.header.sequence = sequence;
    std::get<wire::BarrierArrive>(*frame.message).barrier = sequence;
    to.receive(frame);
  }
  EXPECT_THAT(to.delivered, IsEmpty());
  for (std::uint64_t sequence = 1; sequence < limits::kReceiveWindowFrames; ++sequence) {
    frame.header.sequence = sequence;
    std::get<wire::BarrierArrive>(*frame.message).barrier = sequence;
    to.receive(frame);
  }
  EXPECT_THAT(to.delivered, SizeIs(limits::kReceiveWindowFrames)) << "those beyond the window were dropped";
}

TEST(Link, OneOfTwoFramesWithTheSameNumberCounts) {
  End to;
  wire::Frame frame;
  frame.header.sequence = 2;
  frame.message = wire::BarrierArrive{2};
  to.receive(frame);
  frame.message = wire::BarrierArrive{22};
  to.receive(frame);
  frame.header.sequence = 1;
  frame.message = wire::BarrierArrive{1};
  to.receive(frame);
  EXPECT_THAT(numbers(to.delivered), ElementsAre(1, 2));
}

// Both ends talk over a network that loses, repeats and reorders, until everything has arrived.
TEST(Link, BringsEverythingAcrossAnyNetwork) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    testing::SimRandom random(seed);
    End ends[2];
    std::vector<std::pair<int, wire::Frame>> under_way;  // with their receiver
    std::uint64_t sent[2] = {0, 0};
    const double loss = random.pick({0.0, 0.2, 0.6});
    TimeNs now = kStart;
    const auto launch = [&](int from) {
      for (wire::Frame& frame : ends[from].take()) {
        const int copies = random.chance(loss) ? 0 : random.chance(0.2) ? 2 : 1;
        for (int i = 0; i < copies; ++i) under_way.emplace_back(1 - from, frame);
      }
    };
    const auto done = [&] { return ends[0].delivered.size() == 2000 && ends[1].delivered.size() == 2000; };
    while (!done() || ends[0].link.unacknowledged() + ends[1].link.unacknowledged() > 0) {
      ASSERT_LT(now, kStart + 100'000 * limits::kRetransmitNs) << "seed " << seed;
      const int end = random.below(2);
      if (sent[end] < 2000 && random.chance(0.5)) ends[end].send(++sent[end], now);
      if (!under_way.empty()) {
        const auto at = static_cast<std::size_t>(random.below(static_cast<int>(under_way.size())));
        std::swap(under_way[at], under_way.back());
        const auto [to, frame] = std::move(under_way.back());
        under_way.pop_back();
        ends[to].receive(frame, now);
        launch(to);
      } else {
        now += limits::kAcknowledgeDelayNs;
      }
      ends[end].tick(now);
      launch(end);
    }
    for (const End& end : ends) {
      for (std::size_t i = 0; i < end.delivered.size(); ++i) {
        ASSERT_EQ(std::get<wire::BarrierArrive>(end.delivered[i].message).barrier, i + 1) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace bosen::core
