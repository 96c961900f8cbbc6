#include "bosen/wire/codec.h"

#include <gtest/gtest.h>

#include "bosen/wire/copy_blocks.h"
#include "bosen/wire/frame_header.h"
#include "bosen/wire/message_fields.h"
#include "tests/support/frame_forge.h"
#include "tests/support/wire_samples.h"

namespace bosen::wire {
namespace {

using test::kDenseFloat;
using test::sample_block;
using test::sample_context;
using test::sample_frame;

class CodecTest : public ::testing::Test {
 protected:
  /// Encodes and decodes as if the bytes had come from the process of the frame's source.
  Decoded travel(const Frame& frame, BlockChecksum checksum = BlockChecksum::kCrc32c) {
    EncodedFrame encoded = encode(frame, checksum);
    const Rank peer = frame.header.source == NodeId::shard(0) ? 0 : 1;
    return decode(encoded.head, copy_block(encoded.block, pool_), peer, sample_context(2));
  }

  BufferPool pool_;
};

TEST_F(CodecTest, EveryMessageComesBackAsItWas) {
  for (const auto& [name, frame] : test::sample_frames(pool_)) {
    const Decoded decoded = travel(frame);
    ASSERT_TRUE(decoded.frame) << name << ": " << decoded.problem;
    EXPECT_EQ(decoded.problem, "") << name;
    EXPECT_EQ(decoded.frame->header.job, frame.header.job) << name;
    EXPECT_EQ(decoded.frame->header.epoch, frame.header.epoch) << name;
    EXPECT_EQ(decoded.frame->header.source, frame.header.source) << name;
    EXPECT_EQ(decoded.frame->header.target, frame.header.target) << name;
    EXPECT_EQ(decoded.frame->header.sequence, frame.header.sequence) << name;
    EXPECT_EQ(decoded.frame->header.acknowledged, frame.header.acknowledged) << name;
    EXPECT_EQ(decoded.frame->header.asks, frame.header.asks) << name;
    EXPECT_EQ(decoded.frame->header.repeated, frame.header.repeated) << name;
    ASSERT_EQ(decoded.frame->message.has_value(), frame.message.has_value()) << name;
    if (!frame.message) continue;
    EXPECT_TRUE(test::same_message(*decoded.frame->message, *frame.message)) << name;
  }
}

TEST_F(CodecTest, SamplesCoverEveryMessage) {
  std::vector<bool> covered(std::variant_size_v<Message>, false);
  for (const auto& [name, frame] : test::sample_frames(pool_)) {
    if (frame.message) covered[frame.message->index()] = true;
  }
  for (std::size_t i = 0; i < covered.size(); ++i) EXPECT_TRUE(covered[i]) << "alternative " << i;
}

TEST_F(CodecTest, ABlockLeavesWithoutACopy) {
  const BufferRef block = sample_block(pool_, kDenseFloat, {1});
  const Frame frame = sample_frame(NodeId::client(1), NodeId::shard(0), Update{kDenseFloat, 2, 0, true, block});
  EXPECT_EQ(encode(frame, BlockChecksum::kNone).block.get(), block.get());
}

TEST_F(CodecTest, ABlockArrivesWithoutACopy) {
  const Frame frame = sample_frame(NodeId::client(1), NodeId::shard(0),
                                   Update{kDenseFloat, 2, 0, true, sample_block(pool_, kDenseFloat, {1})});
  const EncodedFrame encoded = encode(frame, BlockChecksum::kNone);
  const BufferRef arriving = copy_block(encoded.block, pool_);
  const Decoded decoded = decode(encoded.head, arriving, 1, sample_context(2));
  ASSERT_TRUE(decoded.frame);
  EXPECT_EQ(test::block_of(*decoded.frame).get(), arriving.get());
}

TEST_F(CodecTest, TheCountOfRowsTravelsBesideTheBlock) {
  const Frame frame = sample_frame(NodeId::client(1), NodeId::shard(0),
                                   Update{kDenseFloat, 2, 0, true, sample_block(pool_, kDenseFloat, {1, 2, 3})});
  const EncodedFrame encoded = encode(frame, BlockChecksum::kNone);
  BufferRef arriving = copy_block(encoded.block, pool_);
  arriving->rows = 0;
  const Decoded decoded = decode(encoded.head, arriving, 1, sample_context(2));
  ASSERT_TRUE(decoded.frame);
  EXPECT_EQ(test::block_of(*decoded.frame)->rows, 3U);
}

TEST_F(CodecTest, SmallBlocksAreAlwaysCheckedLargeOnesOnRequest) {
  const auto flags_of = [this](const std::vector<RowId>& ids, BlockChecksum checksum) {
    const Frame frame = sample_frame(NodeId::client(1), NodeId::shard(0),
                                     Update{kDenseFloat, 2, 0, true, sample_block(pool_, kDenseFloat, ids)});
    return test::ForgedFrame(encode(frame, checksum)).header.flags;
  };
  const std::vector<RowId> few{1, 2};
  const std::vector<RowId> many(10'000, 1);
  EXPECT_EQ(flags_of(few, BlockChecksum::kNone), kFlagBlock | kFlagBlockChecked);
  EXPECT_EQ(flags_of(few, BlockChecksum::kCrc32c), kFlagBlock | kFlagBlockChecked);
  EXPECT_EQ(flags_of(many, BlockChecksum::kNone), kFlagBlock);
  EXPECT_EQ(flags_of(many, BlockChecksum::kCrc32c), kFlagBlock | kFlagBlockChecked);
}

TEST_F(CodecTest, LargeBlocksTravelWithAndWithoutChecksum) {
  const Frame frame =
      sample_frame(NodeId::client(1), NodeId::shard(0),
                   Update{kDenseFloat, 2, 0, true, sample_block(pool_, kDenseFloat, std::vector<RowId>(10'000, 1))});
  for (const BlockChecksum checksum : {BlockChecksum::kNone, BlockChecksum::kCrc32c}) {
    const Decoded decoded = travel(frame, checksum);
    ASSERT_TRUE(decoded.frame) << decoded.problem;
    EXPECT_TRUE(test::same_message(*decoded.frame->message, *frame.message));
  }
}

TEST_F(CodecTest, AnEmptyBlockTravelsAsNone) {
  BufferRef empty = pool_.take(1);
  empty->size = 0;
  const Decoded decoded =
      travel(sample_frame(NodeId::client(1), NodeId::client(0), ChannelData{1, 2, 0, 5, std::move(empty)}));
  ASSERT_TRUE(decoded.frame) << decoded.problem;
  EXPECT_FALSE(std::get<ChannelData>(*decoded.frame->message).bytes);
}

TEST_F(CodecTest, AReadThatNeedsLessThanClockZeroNeedsClockZero) {
  const Decoded decoded =
      travel(sample_frame(NodeId::client(1), NodeId::shard(0), ReadRequest{kDenseFloat, kNoClock + 1, {1}}));
  ASSERT_TRUE(decoded.frame) << decoded.problem;
  EXPECT_EQ(std::get<ReadRequest>(*decoded.frame->message).needed, 0);
}

TEST_F(CodecTest, LongProblemsAreCut) {
  const Decoded decoded =
      travel(sample_frame(NodeId::shard(1), NodeId::client(0), TableCreated{0, std::string(100'000, 'x')}));
  ASSERT_TRUE(decoded.frame) << decoded.problem;
  EXPECT_EQ(std::get<TableCreated>(*decoded.frame->message).problem, std::string(kProblemBytesMax, 'x'));
}

TEST_F(CodecTest, ProblemsTravelAsOneLine) {
  const Decoded decoded = travel(sample_frame(NodeId::shard(1), NodeId::client(0), TableCreated{0, "two\nlines"}));
  ASSERT_TRUE(decoded.frame) << decoded.problem;
  EXPECT_EQ(std::get<TableCreated>(*decoded.frame->message).problem, "two lines");
}

TEST_F(CodecTest, AsManyRowsAsARequestMayNameFit) {
  const std::vector<RowId> rows(limits::kRowsPerRequestMax, -1);
  const Decoded decoded = travel(sample_frame(NodeId::client(1), NodeId::shard(0), ReadRequest{kDenseFloat, 0, rows}));
  ASSERT_TRUE(decoded.frame) << decoded.problem;
  EXPECT_EQ(std::get<ReadRequest>(*decoded.frame->message).rows, rows);
}

using CodecDeathTest = CodecTest;

TEST_F(CodecDeathTest, RowsByReferenceNeverLeaveTheProcess) {
  Rows rows{kDenseFloat, 0, 0, false, false, {}, {}, {}};
  rows.shared.push_back({1, nullptr, nullptr});
  const Frame frame = sample_frame(NodeId::shard(1), NodeId::client(0), rows);
  EXPECT_DEATH(encode(frame, BlockChecksum::kNone), "shared");
}

}  // namespace
}  // namespace bosen::wire
