// Every check of wire::decode, each with a frame that fails this one only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "bosen/base/limits.h"
#include "bosen/wire/byte_order.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/frame_header.h"
#include "bosen/wire/message_check.h"
#include "bosen/wire/message_fields.h"
#include "tests/support/frame_forge.h"
#include "tests/support/wire_samples.h"

namespace bosen::wire {
namespace {

using test::copy_block;
using test::ForgedFrame;
using test::kDenseFloat;
using test::kSparseInt64;
using test::sample_block;
using test::sample_context;
using test::sample_frame;
using testing::HasSubstr;

constexpr NodeId kClient = NodeId::client(1);
constexpr NodeId kPeer = NodeId::client(0);
constexpr NodeId kShard = NodeId::shard(0);
constexpr NodeId kOwnShard = NodeId::shard(1);

class DecodeTest : public testing::Test {
 protected:
  /// What decoding says about a frame that came from process 1; "" where it passes.
  std::string problem_of(const std::vector<std::byte>& head, const BufferRef& block) {
    const Decoded decoded = decode(head, copy_block(pool_, block), peer_, context_);
    EXPECT_EQ(decoded.frame.has_value(), decoded.problem.empty());
    return decoded.problem;
  }
  std::string problem_of(const ForgedFrame& forged) { return problem_of(forged.sealed(), forged.block); }
  std::string problem_of(NodeId source, NodeId target, Message message) {
    return problem_of(ForgedFrame(sample_frame(source, target, std::move(message))));
  }

  ForgedFrame update() {
    return ForgedFrame(
        sample_frame(kClient, kShard, Update{kDenseFloat, 2, 5, true, sample_block(pool_, kDenseFloat, {1, 2})}));
  }
  static ForgedFrame barrier() { return ForgedFrame(sample_frame(kClient, kShard, BarrierArrive{1})); }
  static ForgedFrame acknowledgement() {
    Frame frame;
    frame.header.job = test::kJob;
    frame.header.epoch = test::kEpoch;
    return ForgedFrame(frame);
  }

  BufferPool pool_;
  DecodeContext context_ = sample_context(2);
  Rank peer_ = 1;
};

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
  EXPECT_THAT(problem_of(forged), HasSubstr("wire version 7, this build speaks 1"));
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
  forged.header.flags = 4;
  EXPECT_THAT(problem_of(forged), HasSubstr("unknown flags 0x4"));
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
  ForgedFrame forged = barrier();
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
  forged.block = copy_block(pool_, forged.block);
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
  const BufferRef damaged = copy_block(pool_, forged.block);
  damaged->data[3] ^= std::byte{0x80};
  EXPECT_THAT(problem_of(forged.sealed(), damaged), HasSubstr("body checksum"));
}

// Acknowledgements.

TEST_F(DecodeTest, RefusesAnAcknowledgementThatIsMoreThanThat) {
  ForgedFrame numbered = acknowledgement();
  numbered.header.sequence = 1;
  EXPECT_THAT(problem_of(numbered), HasSubstr("is numbered"));
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
  EXPECT_THAT(problem_of(kClient, kOwnShard, CreateChannel{1, "x", 1}), HasSubstr("may not go to shard 1"));
  EXPECT_EQ(problem_of(kOwnShard, kPeer, BarrierRelease{1}), "");
  EXPECT_THAT(problem_of(kOwnShard, kPeer, ChannelCreated{1, ""}), HasSubstr("may not come from shard 1"));
}

// Fields.

TEST_F(DecodeTest, RefusesMetaThatIsCutOrExtended) {
  for (const auto& [name, frame] : test::sample_frames(pool_)) {
    if (!frame.message) continue;
    peer_ = frame.header.source == kShard ? 0 : 1;
    ForgedFrame cut(frame);
    while (!cut.meta.empty()) {
      cut.meta.pop_back();
      EXPECT_THAT(problem_of(cut), HasSubstr("ends before its last field")) << name << " " << cut.meta.size();
    }
    ForgedFrame extended(frame);
    extended.meta.push_back(std::byte{0});
    EXPECT_THAT(problem_of(extended), HasSubstr("bytes after its last field")) << name;
  }
}

TEST_F(DecodeTest, RefusesAYesOrNoThatIsNeither) {
  ForgedFrame forged = update();
  forged.meta[12] = std::byte{2};
  EXPECT_THAT(problem_of(forged), HasSubstr("neither"));
}

TEST_F(DecodeTest, RefusesPaddingThatIsNotZero) {
  ForgedFrame forged = update();
  forged.meta[15] = std::byte{1};
  EXPECT_THAT(problem_of(forged), HasSubstr("padding"));
}

TEST_F(DecodeTest, RefusesATextThatIsTooLong) {
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{1, std::string(limits::kNameBytesMax + 1, 'x'), 1}),
              HasSubstr("text longer than 256"));
  EXPECT_EQ(problem_of(kClient, kShard, CreateChannel{1, std::string(limits::kNameBytesMax, 'x'), 1}), "");
}

TEST_F(DecodeTest, RefusesALengthBeyondTheFrame) {
  ForgedFrame forged(sample_frame(kClient, kShard, CreateChannel{1, "name", 1}));
  store_little_endian(forged.meta.data() + 8, std::uint32_t{200});
  EXPECT_THAT(problem_of(forged), HasSubstr("ends before"));
}

TEST_F(DecodeTest, RefusesACountOfRowsBeyondFrameOrLimit) {
  ForgedFrame forged(sample_frame(kClient, kShard, ReadRequest{kDenseFloat, 0, {1, 2}}));
  store_little_endian(forged.meta.data() + 4, std::uint32_t{3});
  EXPECT_THAT(problem_of(forged), HasSubstr("ends before"));
  store_little_endian(forged.meta.data() + 4, static_cast<std::uint32_t>(limits::kRowsPerRequestMax + 1));
  EXPECT_THAT(problem_of(forged), HasSubstr("names more than 65536 rows"));
}

// Values.

TEST_F(DecodeTest, RefusesTablesThatCannotBe) {
  const auto problem = [this](auto&& spoil, TableId table = 1) {
    CreateTable create{table, test::sample_spec()};
    spoil(create.spec);
    return problem_of(kClient, kShard, create);
  };
  const auto nothing = [](TableSpec&) {};
  EXPECT_EQ(problem(nothing), "");
  EXPECT_THAT(problem(nothing, limits::kTablesMax), HasSubstr("table 4096, out of bounds"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.kind = RowKind{0}; }), HasSubstr("kind of rows"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.kind = RowKind{3}; }), HasSubstr("kind of rows"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.element = ElementType{0}; }), HasSubstr("type of elements"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.element = ElementType{5}; }), HasSubstr("type of elements"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.width = 0; }), HasSubstr("width of 0"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.width = -1; }), HasSubstr("width of -1"));
  const auto most = static_cast<std::int64_t>(limits::kRowBytesMax / 8);
  EXPECT_EQ(problem([most](TableSpec& s) { s.shape.width = most; }), "");
  EXPECT_THAT(problem([most](TableSpec& s) { s.shape.width = most + 1; }), HasSubstr("width of"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.width = std::int64_t{1} << 61; }), HasSubstr("width of"));
  EXPECT_EQ(problem([](TableSpec& s) { s.shape = {RowKind::kSparse, ElementType::kFloat, 0}; }), "");
  EXPECT_THAT(problem([](TableSpec& s) { s.consistency = Consistency{0}; }), HasSubstr("consistency"));
  EXPECT_THAT(problem([](TableSpec& s) { s.consistency = Consistency{5}; }), HasSubstr("consistency"));
  EXPECT_THAT(problem([](TableSpec& s) { s.staleness = -1; }), HasSubstr("staleness -1"));
  EXPECT_THAT(problem([](TableSpec& s) { s.staleness = kClockMax + 1; }), HasSubstr("staleness"));
}

TEST_F(DecodeTest, RefusesNamesThatCannotBePrinted) {
  const auto problem = [this](const std::string& name) {
    CreateTable create{1, test::sample_spec()};
    create.spec.name = name;
    return problem_of(kClient, kShard, create);
  };
  EXPECT_EQ(problem("Gewichte, dünn"), "");
  EXPECT_THAT(problem(""), HasSubstr("empty name"));
  EXPECT_THAT(problem("two\nlines"), HasSubstr("not printable"));
  EXPECT_THAT(problem(std::string("nul\0", 4)), HasSubstr("not printable"));
  EXPECT_THAT(problem("\x7F"), HasSubstr("not printable"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, TableCreated{1, "a\tb"}), HasSubstr("not printable"));
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{1, "", 1}), HasSubstr("empty name"));
}

TEST_F(DecodeTest, RefusesHyperParametersThatAreNotFinite) {
  for (double UpdaterOptions::*field : {&UpdaterOptions::learning_rate, &UpdaterOptions::momentum,
                                        &UpdaterOptions::decay1, &UpdaterOptions::decay2, &UpdaterOptions::epsilon}) {
    for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
      CreateTable create{1, test::sample_spec()};
      create.spec.updater.*field = value;
      EXPECT_THAT(problem_of(kClient, kShard, create), HasSubstr("not finite"));
    }
  }
  CreateTable create{1, test::sample_spec()};
  create.spec.updater.name = "";
  EXPECT_THAT(problem_of(kClient, kShard, create), HasSubstr("name of its updater"));
}

TEST_F(DecodeTest, RefusesWorkersOfOtherProcesses) {
  for (const WorkerId worker : {-1, 0, 1, 4, std::numeric_limits<WorkerId>::max()}) {
    EXPECT_THAT(problem_of(kClient, kShard, Update{kDenseFloat, worker, 0, true, {}}),
                HasSubstr("worker " + std::to_string(worker)));
    EXPECT_THAT(problem_of(kClient, kPeer, ChannelCredit{1, worker, 0, 1}),
                HasSubstr("worker " + std::to_string(worker)));
  }
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelData{1, 2, 3, 0, {}}), HasSubstr("worker 3"));
}

TEST_F(DecodeTest, RefusesClocksThatCannotBe) {
  const auto clock_of_update = [this](Clock clock, bool closes) {
    ForgedFrame forged = update();
    forged.header.clock = clock;
    forged.meta[12] = static_cast<std::byte>(closes ? 1 : 0);
    return problem_of(forged);
  };
  EXPECT_EQ(clock_of_update(kClockMax, false), "");
  EXPECT_EQ(clock_of_update(kFinishedClock, true), "");
  EXPECT_THAT(clock_of_update(kFinishedClock, false), HasSubstr("has clock"));
  for (const Clock clock : {Clock{-1}, kNoClock, kClockMax + 1, kFinishedClock - 1}) {
    EXPECT_THAT(clock_of_update(clock, true), HasSubstr("has clock " + std::to_string(clock)));
    ForgedFrame request(sample_frame(kClient, kShard, ReadRequest{kDenseFloat, 0, {1}}));
    request.header.clock = clock;
    EXPECT_THAT(problem_of(request), HasSubstr("has clock"));
    ForgedFrame rows(sample_frame(kOwnShard, kPeer, Rows{kDenseFloat, 0, 0, true, true, {}, {}, {}}));
    rows.header.clock = clock;
    EXPECT_THAT(problem_of(rows), HasSubstr("has clock"));
  }
  EXPECT_THAT(problem_of(kClient, kShard, ReadRequest{kDenseFloat, kFinishedClock, {1}}), HasSubstr("has clock"));
}

TEST_F(DecodeTest, RefusesTablesThatNobodyHasMade) {
  EXPECT_THAT(problem_of(kClient, kShard, Update{9, 2, 0, true, {}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kClient, kShard, ReadRequest{9, 0, {1}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kClient, kShard, Unsubscribe{9, {1}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{9, 0, 0, true, true, {}, {}, {}}),
              HasSubstr("table 9, which is unknown here"));
}

TEST_F(DecodeTest, RefusesBlocksThatAreNone) {
  ForgedFrame forged = update();
  forged.meta[8] = std::byte{3};  // rows
  EXPECT_THAT(problem_of(forged), HasSubstr("no 3 rows of table 0"));
  // A block of another table.
  const BufferRef block = sample_block(pool_, kDenseFloat, {1, 2});
  EXPECT_THAT(problem_of(kClient, kShard, Update{kSparseInt64, 2, 0, true, block}), HasSubstr("no 2 rows of table 3"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kSparseInt64, 0, 0, false, false, block, {}, {}}),
              HasSubstr("no 2 rows of table 3"));
}

TEST_F(DecodeTest, RefusesACountOfRowsWithoutABlock) {
  ForgedFrame forged(sample_frame(kClient, kShard, Update{kDenseFloat, 2, 0, true, {}}));
  forged.meta[8] = std::byte{1};
  EXPECT_THAT(problem_of(forged), HasSubstr("rows of a block that is not there"));
}

TEST_F(DecodeTest, RefusesMessagesThatSayNothing) {
  EXPECT_THAT(problem_of(kClient, kShard, Update{kDenseFloat, 2, 0, false, {}}), HasSubstr("neither brings updates"));
  EXPECT_THAT(problem_of(kClient, kShard, ReadRequest{kDenseFloat, 0, {}}), HasSubstr("names no rows"));
  EXPECT_THAT(problem_of(kClient, kShard, Unsubscribe{kDenseFloat, {}}), HasSubstr("names no rows"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kDenseFloat, 0, 0, true, false, {}, {}, {}}),
              HasSubstr("neither brings rows"));
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelCredit{1, 2, 0, 0}), HasSubstr("credit for no message"));
}

TEST_F(DecodeTest, RefusesTheEndOfAPushThatIsNone) {
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kDenseFloat, 0, 0, false, true, {}, {}, {}}),
              HasSubstr("completes a push and is none"));
}

TEST_F(DecodeTest, RefusesNumbersOutOfBounds) {
  EXPECT_THAT(problem_of(kOwnShard, kPeer, TableCreated{limits::kTablesMax, ""}), HasSubstr("out of bounds"));
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{limits::kChannelsMax, "x", 1}), HasSubstr("out of bounds"));
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelData{limits::kChannelsMax, 2, 0, 0, {}}), HasSubstr("out of bounds"));
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelCredit{limits::kChannelsMax, 2, 0, 1}), HasSubstr("out of bounds"));
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{1, "x", 0}), HasSubstr("capacity 0"));
  peer_ = 0;
  EXPECT_THAT(problem_of(kShard, kClient, ChannelCreated{limits::kChannelsMax, ""}), HasSubstr("out of bounds"));
}

}  // namespace
}  // namespace bosen::wire
