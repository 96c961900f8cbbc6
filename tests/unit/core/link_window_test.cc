// A link keeps only so many bytes of rows under way, whatever the number of frames.

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/core/link.h"

namespace bosen::core {
namespace {

using wire::Envelope;
using wire::Frame;
using wire::NodeId;

class LinkWindowTest : public ::testing::Test {
 protected:
  Envelope block_of(std::size_t bytes) {
    wire::Update update;
    update.block = pool_.take(bytes);
    update.block->size = bytes;
    return {NodeId::client(0), NodeId::shard(0), std::move(update)};
  }

  void fill_window() {
    for (std::size_t i = 0; i < kWindowBlocks; ++i) sender_.send(block_of(kBlock), 0, frames_);
    frames_.clear();
  }

  /// Sequence numbers of what leaves.
  std::vector<std::uint64_t> sent_again(TimeNs now) {
    sender_.tick(now, frames_);
    return take();
  }
  std::vector<std::uint64_t> acknowledge(std::uint64_t sequence, TimeNs now) {
    Frame frame;
    frame.header.acknowledged = sequence;
    return take_in(std::move(frame), now);
  }
  /// Of a frame that was sent again, when all up to `arrived` have arrived.
  std::vector<std::uint64_t> answer(std::uint64_t sequence, std::uint64_t arrived, TimeNs now) {
    Frame frame;
    frame.header.sequence = sequence;
    frame.header.acknowledged = arrived;
    frame.header.repeated = true;
    return take_in(std::move(frame), now);
  }
  std::vector<std::uint64_t> take_in(Frame frame, TimeNs now) {
    std::vector<Envelope> delivered;
    sender_.step(std::move(frame), now, delivered, frames_);
    return take();
  }
  std::vector<std::uint64_t> take() {
    std::vector<std::uint64_t> sequences;
    for (const Frame& frame : std::exchange(frames_, {})) sequences.push_back(frame.header.sequence);
    return sequences;
  }

  static constexpr std::size_t kBlock = std::size_t{1} << 20;
  static constexpr std::size_t kWindowBlocks = limits::kSendWindowBytesMax / kBlock;

  BufferPool pool_;
  Link sender_{7, 1};
  Link receiver_{7, 1};
  std::vector<Frame> frames_;
};

TEST_F(LinkWindowTest, HoldsBackWhatExceedsTheWindowOfBytes) {
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < kWindowBlocks + 3; ++i) sender_.send(block_of(kBlock), 0, frames);
  EXPECT_EQ(frames.size(), kWindowBlocks);
  constexpr std::size_t kAll = (kWindowBlocks + 3) * (kBlock + limits::kMessageBytes);
  EXPECT_EQ(sender_.backlog_bytes(), kAll - limits::kSendWindowBytesMax);
  acknowledge(2, 0);
  EXPECT_EQ(sender_.backlog_bytes(), kAll - 2 * (kBlock + limits::kMessageBytes) - limits::kSendWindowBytesMax);
  acknowledge(kWindowBlocks, 0);
  EXPECT_EQ(sender_.backlog_bytes(), 0U);
}

TEST_F(LinkWindowTest, MessagesWithoutRowsCountTooWhereManyWait) {
  std::vector<Frame> frames;
  const auto send = [&](std::size_t count, const wire::Message& message) {
    for (std::size_t i = 0; i < count; ++i) {
      sender_.send({NodeId::client(0), NodeId::shard(0), message}, 0, frames);
    }
  };
  constexpr std::size_t kCount = 2 * limits::kSendWindowBytesMax / limits::kMessageBytes;
  send(kCount, wire::Update{.table = 0, .worker = 0, .clock = 0, .closes = true, .block = {}});
  EXPECT_EQ(frames.size(), limits::kSendWindowFrames);
  EXPECT_EQ(sender_.backlog_bytes(), limits::kSendWindowBytesMax);
  send(1, wire::ReadRequest{0, 0, std::vector<RowId>(1000)});
  send(1, wire::Unsubscribe{0, std::vector<RowId>(1000)});
  EXPECT_EQ(sender_.backlog_bytes(), limits::kSendWindowBytesMax + 2 * (limits::kMessageBytes + 1000 * sizeof(RowId)));
}

TEST_F(LinkWindowTest, LetsOneFrameGoThatIsLargerThanTheWindow) {
  std::vector<Frame> frames;
  sender_.send(block_of(2 * limits::kSendWindowBytesMax), 0, frames);
  sender_.send(block_of(kBlock), 0, frames);
  EXPECT_EQ(frames.size(), 1U);
}

TEST_F(LinkWindowTest, IsAcknowledgedByBytesBeforeTheWindowIsFull) {
  std::vector<Frame> sent;
  for (std::size_t i = 0; i < kWindowBlocks; ++i) sender_.send(block_of(kBlock), 0, sent);
  std::vector<Frame> answers;
  std::vector<Envelope> delivered;
  for (std::size_t i = 0; i < limits::kAcknowledgeEveryBytes / kBlock; ++i) {
    EXPECT_TRUE(answers.empty());
    receiver_.step(std::move(sent[i]), 0, delivered, answers);
  }
  ASSERT_EQ(answers.size(), 1U);
  std::vector<Frame> more;
  sender_.step(std::move(answers[0]), 0, delivered, more);
  for (std::size_t i = 0; i < kWindowBlocks; ++i) sender_.send(block_of(kBlock), 0, more);
  EXPECT_EQ(more.size(), limits::kAcknowledgeEveryBytes / kBlock);
}

TEST_F(LinkWindowTest, WaitsLongerWhereMuchIsUnderWay) {
  fill_window();
  EXPECT_EQ(sender_.deadline(), limits::kQueueWaitMaxNs);
}

TEST_F(LinkWindowTest, SendsOnlyTheOldestAgainAfterSilence) {
  fill_window();
  EXPECT_EQ(sent_again(sender_.deadline().value()), std::vector<std::uint64_t>{1});
  EXPECT_EQ(sent_again(sender_.deadline().value()), std::vector<std::uint64_t>{1}) << "it is still the oldest";
  EXPECT_EQ(sender_.retransmissions(), 2U);
}

TEST_F(LinkWindowTest, SendsAgainTheOldestRowsWithWhatIsBeforeThem) {
  sender_.send({NodeId::client(0), NodeId::shard(0), wire::BarrierArrive{1}}, 0, frames_);
  for (int i = 0; i < 2; ++i) sender_.send(block_of(2 * kBlock), 0, frames_);
  frames_.clear();
  EXPECT_EQ(sent_again(sender_.deadline().value()), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(LinkWindowTest, SendsMoreAndMoreAgainWhereWhatFollowsIsMissingToo) {
  fill_window();
  const TimeNs now = sender_.deadline().value();
  sent_again(now);
  const TimeNs late = now + 3 * limits::kRetransmitNs;  // it may be far away, or have much to say
  EXPECT_EQ(answer(1, 1, late), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(answer(2, 2, late), (std::vector<std::uint64_t>{4, 5})) << "two for each that arrives";
  EXPECT_EQ(answer(4, 4, late), (std::vector<std::uint64_t>{6, 7, 8, 9}));
  EXPECT_EQ(sender_.deadline(), late + limits::kQueueWaitMaxNs) << "the peer is there";
  EXPECT_EQ(answer(6, kWindowBlocks, late), std::vector<std::uint64_t>{}) << "nothing else was lost";
}

TEST_F(LinkWindowTest, SendsAgainWhatIsMissingBehindWhatHadArrived) {
  fill_window();
  TimeNs now = sender_.deadline().value();
  sent_again(now);
  EXPECT_EQ(answer(1, 40, ++now), std::vector<std::uint64_t>{41}) << "only acknowledgements were lost before";
  EXPECT_EQ(answer(41, 41, ++now), (std::vector<std::uint64_t>{42, 43}));
  EXPECT_EQ(answer(42, 50, ++now), std::vector<std::uint64_t>{51}) << "some had arrived between";
  EXPECT_EQ(answer(51, kWindowBlocks, ++now), std::vector<std::uint64_t>{});
}

TEST_F(LinkWindowTest, AnAnswerOfAnEarlierSilenceSaysNothingOfWhatWasSentSince) {
  for (int i = 0; i < 40; ++i) sender_.send(block_of(kBlock), 0, frames_);
  const TimeNs now = sender_.deadline().value();
  frames_.clear();
  sent_again(now);
  acknowledge(10, now);  // of first copies, on a slow network
  sender_.send(block_of(kBlock), now, frames_);
  EXPECT_EQ(take(), std::vector<std::uint64_t>{41});
  EXPECT_EQ(sent_again(sender_.deadline().value()), std::vector<std::uint64_t>{11});
  EXPECT_EQ(answer(1, 40, now), std::vector<std::uint64_t>{});
}

TEST_F(LinkWindowTest, AnAcknowledgementInARepeatedFrameEndsNoSilence) {
  fill_window();
  const TimeNs deadline = sender_.deadline().value();
  Frame frame;
  frame.message = wire::BarrierArrive{1};
  frame.header.sequence = 1;
  frame.header.acknowledged = 40;
  frame.header.repeated = true;
  take_in(std::move(frame), deadline - 1);
  EXPECT_EQ(sent_again(deadline), std::vector<std::uint64_t>{41});
}

TEST_F(LinkWindowTest, SendsOnlyTheOldestAgainAfterAnotherSilence) {
  fill_window();
  const TimeNs now = sender_.deadline().value();
  sent_again(now);
  for (std::uint64_t arrived = 1; arrived < kWindowBlocks; arrived = 2 * arrived + 1) answer(arrived, arrived, now);
  for (int i = 0; i < 8; ++i) sender_.send(block_of(kBlock), now, frames_);
  frames_.clear();
  EXPECT_EQ(sent_again(sender_.deadline().value()), std::vector<std::uint64_t>{kWindowBlocks});
}

TEST_F(LinkWindowTest, SendsNothingMoreAgainWhereTheFirstCopyArrived) {
  fill_window();
  const TimeNs now = sender_.deadline().value();
  sent_again(now);
  const TimeNs late = now + 1;  // by chance
  EXPECT_EQ(acknowledge(1, late), std::vector<std::uint64_t>{});
  EXPECT_EQ(sender_.deadline(), late + 2 * limits::kQueueWaitMaxNs) << "it may go on like this";
  EXPECT_EQ(acknowledge(2, late), std::vector<std::uint64_t>{});
  EXPECT_EQ(sender_.deadline(), late + 2 * late) << "a frame that was sent once has arrived, after so long";
}

TEST_F(LinkWindowTest, KeepsLessInFlightWhereFramesTakeLong) {
  fill_window();
  for (int i = 0; i < 8; ++i) sender_.send(block_of(kBlock), 0, frames_);
  constexpr TimeNs kLate = 4 * limits::kQueueDelayNs;  // so a quarter of the window is enough
  EXPECT_TRUE(acknowledge(1, kLate).empty());
  EXPECT_TRUE(acknowledge(2, 2 * kLate).empty()) << "it was sent into the larger window: that is known";
  EXPECT_TRUE(acknowledge(kWindowBlocks - kWindowBlocks / 4, kLate).empty());
  EXPECT_EQ(acknowledge(kWindowBlocks - kWindowBlocks / 4 + 1, kLate).size(), 1U);
}

TEST_F(LinkWindowTest, KeepsSomethingInFlightHoweverLongItTakes) {
  fill_window();
  for (int i = 0; i < 8; ++i) sender_.send(block_of(kBlock), 0, frames_);
  acknowledge(1, 1000 * limits::kQueueDelayNs);
  EXPECT_EQ(acknowledge(kWindowBlocks, 1000 * limits::kQueueDelayNs).size(), limits::kSendWindowBytesMin / kBlock);
}

TEST_F(LinkWindowTest, KeepsMoreInFlightAgainWhereFramesAreFast) {
  fill_window();
  TimeNs now = 1000 * limits::kQueueDelayNs;
  acknowledge(1, now);
  acknowledge(kWindowBlocks, now);
  for (std::size_t i = 0; i < 3 * kWindowBlocks; ++i) sender_.send(block_of(kBlock), now, frames_);
  std::size_t in_flight = take().size();
  std::uint64_t last = kWindowBlocks + in_flight;
  EXPECT_EQ(in_flight, limits::kSendWindowBytesMin / kBlock);
  for (std::size_t expected = 2 * in_flight; expected <= kWindowBlocks; expected *= 2) {
    in_flight = acknowledge(last, ++now).size();
    last += in_flight;
    EXPECT_EQ(in_flight, expected);
  }
  EXPECT_EQ(acknowledge(last, ++now).size(), kWindowBlocks) << "not more";
}

TEST_F(LinkWindowTest, SendsNothingAgainThatLeftAfterTheSilence) {
  for (int i = 0; i < 2; ++i) sender_.send(block_of(kBlock), 0, frames_);
  const TimeNs now = sender_.deadline().value();
  sent_again(now);
  sender_.send(block_of(kBlock), now, frames_);
  frames_.clear();
  EXPECT_EQ(answer(1, 1, now), std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace bosen::core
