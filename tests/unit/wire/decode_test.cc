// Every check of wire::decode on headers, sizes and routes, each with a frame that fails this one only.

#include "bosen/base/limits.h"
#include "bosen/wire/frame_header.h"
#include "bosen/wire/message_fields.h"
#include "tests/unit/wire/decode_fixture.h"

namespace bosen::wire {
namespace {

using testing::HasSubstr;

TEST_F(DecodeTest, AcceptsTheFramesThatTheOtherTestsSpoil) {
  EXPECT_EQ(problem_of(update()), "");
  EXPECT_EQ(problem_of(barrier()), "");
  EXPECT_EQ(problem_of(acknowledgement()), "");
}

// Header.

TEST_F(DecodeTest, RefusesAHeadShorterThanAHeader) {
  std::vector<std::byte> head = barrier().sealed();
  head.resize(kHeaderBytes - 1);
  EXPECT_THAT(problem_of(head, {}), HasSubstr("63 bytes is shorter"));
  EXPECT_THAT(problem_of(std::vector<std::byte>(), {}), HasSubstr("0 bytes is shorter"));
}

TEST_F(DecodeTest, RefusesAnotherMagic) {
  ForgedFrame forged = barrier();
  forged.header.magic ^= 1;
  EXPECT_THAT(problem_of(forged), HasSubstr("starts with"));
}

TEST_F(DecodeTest, NamesBothVersionsOfTheWireFormat) {
  ForgedFrame forged = barrier();
  forged.header.version = 7;
  EXPECT_THAT(problem_of(forged), HasSubstr("wire version 7, this build speaks 5"));
}

TEST_F(DecodeTest, RefusesADamagedHeader) {
  std::vector<std::byte> head = barrier().sealed();
  head[offsetof(WireHeader, sequence)] ^= std::byte{1};
  EXPECT_THAT(problem_of(head, {}), HasSubstr("header checksum"));
}

TEST_F(DecodeTest, RefusesAnotherJob) {
  ForgedFrame forged = barrier();
  ++forged.header.job;
  EXPECT_THAT(problem_of(forged), HasSubstr("another job"));
}

TEST_F(DecodeTest, RefusesAnotherEpoch) {
  ForgedFrame forged = barrier();
  --forged.header.epoch;
  EXPECT_THAT(problem_of(forged), HasSubstr("epoch 2, this process is in 3"));
}

TEST_F(DecodeTest, RefusesUnknownFlags) {
  ForgedFrame forged = barrier();
  forged.header.flags = 16;
  EXPECT_THAT(problem_of(forged), HasSubstr("unknown flags 0x10"));
}

TEST_F(DecodeTest, RefusesUnknownTypes) {
  for (const int type : {0, 14, 77, 255}) {
    ForgedFrame forged = barrier();
    forged.header.type = static_cast<std::uint8_t>(type);
    EXPECT_THAT(problem_of(forged), HasSubstr("message type " + std::to_string(type) + " is unknown"));
  }
}

TEST_F(DecodeTest, RefusesAMessageWithoutANumber) {
  ForgedFrame forged = barrier();
  forged.header.sequence = 0;
  EXPECT_THAT(problem_of(forged), HasSubstr("is not numbered"));
}

TEST_F(DecodeTest, RefusesAClockWhereThereIsNone) {
  ForgedFrame forged(sample_frame(kClient, kShard, Unsubscribe{kDenseFloat, {1}}));
  forged.header.clock = 1;
  EXPECT_THAT(problem_of(forged), HasSubstr("has a clock"));
}

// Sizes and the body's checksum.

TEST_F(DecodeTest, RefusesABodyOfAnotherLength) {
  for (const int more : {-1, 1}) {
    ForgedFrame forged = update();
    forged.header.body_length = static_cast<std::uint32_t>(static_cast<int>(forged.header.body_length) + more);
    EXPECT_THAT(problem_of(forged.as_is(), forged.block), HasSubstr("its header says"));
  }
}

TEST_F(DecodeTest, RefusesAFrameWithoutItsBlock) {
  const ForgedFrame forged = update();
  EXPECT_THAT(problem_of(forged.sealed(), {}), HasSubstr("without its block"));
}

TEST_F(DecodeTest, RefusesABlockThatTheHeaderDoesNotSpeakOf) {
  ForgedFrame forged = barrier();
  forged.block = sample_block(pool_, kDenseFloat, {1});
  EXPECT_THAT(problem_of(forged), HasSubstr("a block too many"));
}

TEST_F(DecodeTest, RefusesAChecksumOfABlockThatIsNotThere) {
  ForgedFrame forged = barrier();
  forged.header.flags = kFlagBlockChecked;
  EXPECT_THAT(problem_of(forged), HasSubstr("checksum of a block that is not there"));
}

TEST_F(DecodeTest, RefusesAnEmptyBlock) {
  ForgedFrame forged = update();
  forged.block = copy_block(forged.block, pool_);
  forged.block->size = 0;
  EXPECT_THAT(problem_of(forged), HasSubstr("empty block"));
}

TEST_F(DecodeTest, RefusesABlockWhereThereIsNone) {
  ForgedFrame forged = barrier();
  forged.block = sample_block(pool_, kDenseFloat, {1});
  forged.header.flags = kFlagBlock;
  EXPECT_THAT(problem_of(forged), HasSubstr("has a block"));
}

TEST_F(DecodeTest, RefusesABodyBeyondTheLimitWithoutReadingIt) {
  struct Nobody final : BufferOwner {
    void release(Buffer*) override {}
  } owner;
  std::byte only{};
  Buffer vast(owner, &only, limits::kFrameBodyBytesMax);
  vast.size = limits::kFrameBodyBytesMax;
  ForgedFrame forged = update();
  forged.header.body_length = static_cast<std::uint32_t>(forged.meta.size() + vast.size);
  const Decoded decoded = decode(forged.as_is(), BufferRef::share(&vast), peer_, context_);
  EXPECT_THAT(decoded.problem, HasSubstr("more than the 1073741824 allowed"));
}

TEST_F(DecodeTest, RefusesAMetaPartBeyondTheLimit) {
  ForgedFrame forged = barrier();
  forged.meta.resize(kMetaBytesMax + 1);
  EXPECT_THAT(problem_of(forged), HasSubstr("meta part of"));
}

TEST_F(DecodeTest, RefusesDamagedMeta) {
  std::vector<std::byte> head = barrier().sealed();
  head.back() ^= std::byte{0x80};
  EXPECT_THAT(problem_of(head, {}), HasSubstr("body checksum"));
}

TEST_F(DecodeTest, RefusesADamagedBlock) {
  const ForgedFrame forged = update();
  const BufferRef damaged = copy_block(forged.block, pool_);
  damaged->data[3] ^= std::byte{0x80};
  EXPECT_THAT(problem_of(forged.sealed(), damaged), HasSubstr("body checksum"));
}

// Acknowledgements.

TEST_F(DecodeTest, RefusesAnAcknowledgementThatIsMoreThanThat) {
  ForgedFrame numbered = acknowledgement();
  numbered.header.sequence = 1;
  EXPECT_THAT(problem_of(numbered), HasSubstr("is numbered"));
  ForgedFrame answer = acknowledgement();
  answer.header.flags = kFlagRepeated;
  EXPECT_THAT(problem_of(answer), HasSubstr("answers no frame"));
  answer.header.sequence = 1;
  EXPECT_EQ(problem_of(answer), "");
  ForgedFrame source = acknowledgement();
  source.header.source = 1;
  EXPECT_THAT(problem_of(source), HasSubstr("speaks for a party"));
  ForgedFrame target = acknowledgement();
  target.header.target = NodeId::shard(0).value;
  EXPECT_THAT(problem_of(target), HasSubstr("speaks for a party"));
  ForgedFrame clock = acknowledgement();
  clock.header.clock = 1;
  EXPECT_THAT(problem_of(clock), HasSubstr("speaks for a party"));
  ForgedFrame body = acknowledgement();
  body.meta.resize(8);
  EXPECT_THAT(problem_of(body), HasSubstr("has a body"));
  ForgedFrame asks = acknowledgement();
  asks.header.flags = kFlagAsks;
  EXPECT_THAT(problem_of(asks), HasSubstr("asks for another"));
}

// Routes.

TEST_F(DecodeTest, AcceptsEveryMessageOnItsOwnWayOnly) {
  const auto is_accepted = [this](const Frame& frame, NodeId source, NodeId target) {
    ForgedFrame forged(frame);
    forged.header.source = source.value;
    forged.header.target = target.value;
    peer_ = source == kShard || source == kPeer ? 0 : 1;
    return problem_of(forged).empty();
  };
  for (const auto& [name, frame] : test::sample_frames(pool_)) {
    if (!frame.message) continue;
    const NodeId source = frame.header.source;
    const NodeId target = frame.header.target;
    EXPECT_TRUE(is_accepted(frame, source, target)) << name;
    for (const NodeId other : {kClient, kShard}) {
      if (other.is_shard() != source.is_shard()) {
        EXPECT_FALSE(is_accepted(frame, other, target)) << name;
      }
      if (other.is_shard() != target.is_shard()) {
        EXPECT_FALSE(is_accepted(frame, source, other)) << name;
      }
    }
  }
}

TEST_F(DecodeTest, RefusesPartiesThatDoNotExist) {
  EXPECT_THAT(problem_of(NodeId::client(2), kShard, BarrierArrive{1}), HasSubstr("may not come from client 2"));
  EXPECT_THAT(problem_of(NodeId::client(0x7FFF'FFFF), kShard, BarrierArrive{1}), HasSubstr("may not come from"));
  EXPECT_THAT(problem_of(NodeId::shard(2), kPeer, TableCreated{0, ""}), HasSubstr("may not come from shard 2"));
  EXPECT_THAT(problem_of(kClient, NodeId::shard(2), Unsubscribe{0, {1}}), HasSubstr("may not go to shard 2"));
  EXPECT_THAT(problem_of(kClient, NodeId::shard(0x7FFF'FFFF), Unsubscribe{0, {1}}), HasSubstr("may not go to shard"));
  EXPECT_THAT(problem_of(kOwnShard, NodeId::client(2), TableCreated{0, ""}), HasSubstr("may not go to client 2"));
}

TEST_F(DecodeTest, RefusesSourcesOfAnotherProcess) {
  peer_ = 0;
  EXPECT_THAT(problem_of(kClient, kShard, BarrierArrive{1}), HasSubstr("says that it comes from client 1"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, TableCreated{0, ""}), HasSubstr("says that it comes from shard 1"));
}

TEST_F(DecodeTest, RefusesTargetsThatLiveElsewhere) {
  context_.rank = 0;
  EXPECT_EQ(problem_of(kClient, kShard, Unsubscribe{0, {1}}), "");
  EXPECT_THAT(problem_of(kClient, kOwnShard, Unsubscribe{0, {1}}), HasSubstr("shard 1, which does not live here"));
  EXPECT_THAT(problem_of(kOwnShard, kClient, TableCreated{0, ""}), HasSubstr("client 1, which does not live here"));
}

TEST_F(DecodeTest, ADedicatedServerIsNoClient) {
  context_ = sample_context(2);
  context_.workers = 2;
  context_.rank_of_worker = {0, 0};
  EXPECT_THAT(problem_of(kClient, kShard, BarrierArrive{1}), HasSubstr("may not come from client 1"));
  context_.rank_of_worker.clear();
  EXPECT_THAT(problem_of(kClient, kShard, BarrierArrive{1}), HasSubstr("may not come from client 1"));
}

TEST_F(DecodeTest, ChannelsBelongToTheFirstShardAndBarriersToAll) {
  EXPECT_EQ(problem_of(kClient, kOwnShard, BarrierArrive{1}), "");
  EXPECT_EQ(problem_of(kClient, kOwnShard, BarrierArrive{1, kFinishedClock}), "");
  EXPECT_THAT(problem_of(kClient, kOwnShard, BarrierArrive{1, kFinishedClock - 1}), HasSubstr("has clock"));
  EXPECT_THAT(problem_of(kClient, kOwnShard, CreateChannel{1, "x", 1}), HasSubstr("may not go to shard 1"));
  EXPECT_EQ(problem_of(kOwnShard, kPeer, BarrierRelease{1}), "");
  EXPECT_THAT(problem_of(kOwnShard, kPeer, ChannelCreated{1, ""}), HasSubstr("may not come from shard 1"));
}

}  // namespace
}  // namespace bosen::wire
