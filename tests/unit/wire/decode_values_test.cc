// Every check of wire::decode on the fields of messages, each with a frame that fails this one only.

#include <cmath>
#include <limits>

#include "bosen/base/limits.h"
#include "bosen/wire/byte_order.h"
#include "bosen/wire/message_check.h"
#include "tests/unit/wire/decode_fixture.h"

namespace bosen::wire {
namespace {

using ::testing::HasSubstr;
using DecodeValuesTest = DecodeTest;

TEST_F(DecodeValuesTest, RefusesMetaThatIsCutOrExtended) {
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

TEST_F(DecodeValuesTest, RefusesAYesOrNoThatIsNeither) {
  ForgedFrame forged = update();
  forged.meta[12] = std::byte{2};
  EXPECT_THAT(problem_of(forged), HasSubstr("neither"));
}

TEST_F(DecodeValuesTest, RefusesPaddingThatIsNotZero) {
  ForgedFrame forged = update();
  forged.meta[15] = std::byte{1};
  EXPECT_THAT(problem_of(forged), HasSubstr("padding"));
}

TEST_F(DecodeValuesTest, RefusesATextThatIsTooLong) {
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{1, std::string(limits::kNameBytesMax + 1, 'x'), 1}),
              HasSubstr("text longer than 256"));
  EXPECT_EQ(problem_of(kClient, kShard, CreateChannel{1, std::string(limits::kNameBytesMax, 'x'), 1}), "");
}

TEST_F(DecodeValuesTest, RefusesALengthBeyondTheFrame) {
  ForgedFrame forged(sample_frame(kClient, kShard, CreateChannel{1, "name", 1}));
  store_little_endian(forged.meta.data() + 8, std::uint32_t{200});
  EXPECT_THAT(problem_of(forged), HasSubstr("ends before"));
}

TEST_F(DecodeValuesTest, RefusesACountOfRowsBeyondFrameOrLimit) {
  ForgedFrame forged(sample_frame(kClient, kShard, ReadRequest{kDenseFloat, 0, {1, 2}}));
  store_little_endian(forged.meta.data() + 4, std::uint32_t{3});
  EXPECT_THAT(problem_of(forged), HasSubstr("ends before"));
  store_little_endian(forged.meta.data() + 4, static_cast<std::uint32_t>(limits::kRowsPerRequestMax + 1));
  EXPECT_THAT(problem_of(forged), HasSubstr("names more than 65536 rows"));
}

TEST_F(DecodeValuesTest, RefusesTablesThatCannotBe) {
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
  constexpr auto most = static_cast<std::int64_t>(limits::kRowBytesMax / 8);
  EXPECT_EQ(problem([](TableSpec& s) { s.shape.width = most; }), "");
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.width = most + 1; }), HasSubstr("width of"));
  EXPECT_THAT(problem([](TableSpec& s) { s.shape.width = std::int64_t{1} << 61; }), HasSubstr("width of"));
  EXPECT_EQ(problem([](TableSpec& s) { s.shape = {RowKind::kSparse, ElementType::kFloat, 0}; }), "");
  EXPECT_THAT(problem([](TableSpec& s) { s.consistency = Consistency{0}; }), HasSubstr("consistency"));
  EXPECT_THAT(problem([](TableSpec& s) { s.consistency = Consistency{5}; }), HasSubstr("consistency"));
  EXPECT_THAT(problem([](TableSpec& s) { s.staleness = -1; }), HasSubstr("staleness -1"));
  EXPECT_THAT(problem([](TableSpec& s) { s.staleness = kClockMax + 1; }), HasSubstr("staleness"));
}

TEST_F(DecodeValuesTest, RefusesNamesThatCannotBePrinted) {
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
  ForgedFrame created(sample_frame(kOwnShard, kPeer, TableCreated{1, "a-b"}));
  created.meta[9] = std::byte{'\t'};
  EXPECT_THAT(problem_of(created), HasSubstr("not printable"));
  EXPECT_THAT(problem_of(kClient, kShard, CreateChannel{1, "", 1}), HasSubstr("empty name"));
}

TEST_F(DecodeValuesTest, RefusesHyperParametersThatAreNotFinite) {
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

TEST_F(DecodeValuesTest, RefusesWorkersOfOtherProcesses) {
  for (const WorkerId worker : {-1, 0, 1, 4, std::numeric_limits<WorkerId>::max()}) {
    EXPECT_THAT(problem_of(kClient, kShard, Update{kDenseFloat, worker, 0, true, {}}),
                HasSubstr("worker " + std::to_string(worker)));
    EXPECT_THAT(problem_of(kClient, kPeer, ChannelCredit{1, worker, 0, 1}),
                HasSubstr("worker " + std::to_string(worker)));
  }
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelData{1, 2, 3, 0, {}}), HasSubstr("worker 3"));
}

TEST_F(DecodeValuesTest, RefusesClocksThatCannotBe) {
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

TEST_F(DecodeValuesTest, RefusesTablesThatNobodyHasMade) {
  EXPECT_THAT(problem_of(kClient, kShard, Update{9, 2, 0, true, {}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kClient, kShard, ReadRequest{9, 0, {1}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kClient, kShard, Unsubscribe{9, {1}}), HasSubstr("table 9, which is unknown here"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{9, 0, 0, true, true, {}, {}, {}}),
              HasSubstr("table 9, which is unknown here"));
}

TEST_F(DecodeValuesTest, RefusesBlocksThatAreNone) {
  ForgedFrame forged = update();
  forged.meta[8] = std::byte{3};  // rows
  EXPECT_THAT(problem_of(forged), HasSubstr("no 3 rows of table 0"));
  // A block of another table.
  const BufferRef block = sample_block(pool_, kDenseFloat, {1, 2});
  EXPECT_THAT(problem_of(kClient, kShard, Update{kSparseInt64, 2, 0, true, block}), HasSubstr("no 2 rows of table 3"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kSparseInt64, 0, 0, false, false, block, {}, {}}),
              HasSubstr("no 2 rows of table 3"));
}

TEST_F(DecodeValuesTest, RefusesACountOfRowsWithoutABlock) {
  ForgedFrame forged(sample_frame(kClient, kShard, Update{kDenseFloat, 2, 0, true, {}}));
  forged.meta[8] = std::byte{1};
  EXPECT_THAT(problem_of(forged), HasSubstr("rows of a block that is not there"));
}

TEST_F(DecodeValuesTest, RefusesMessagesThatSayNothing) {
  EXPECT_THAT(problem_of(kClient, kShard, Update{kDenseFloat, 2, 0, false, {}}), HasSubstr("neither brings updates"));
  EXPECT_THAT(problem_of(kClient, kShard, ReadRequest{kDenseFloat, 0, {}}), HasSubstr("names no rows"));
  EXPECT_THAT(problem_of(kClient, kShard, Unsubscribe{kDenseFloat, {}}), HasSubstr("names no rows"));
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kDenseFloat, 0, 0, true, false, {}, {}, {}}),
              HasSubstr("neither brings rows"));
  EXPECT_THAT(problem_of(kClient, kPeer, ChannelCredit{1, 2, 0, 0}), HasSubstr("credit for no message"));
}

TEST_F(DecodeValuesTest, RefusesTheEndOfAPushThatIsNone) {
  EXPECT_THAT(problem_of(kOwnShard, kPeer, Rows{kDenseFloat, 0, 0, false, true, {}, {}, {}}),
              HasSubstr("completes a push and is none"));
}

TEST_F(DecodeValuesTest, RefusesNumbersOutOfBounds) {
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
