#include "bosen/runtime/starting_point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace bosen::runtime {
namespace {

using store::CheckpointId;
using testing::HasSubstr;
using testing::Optional;

TEST(StartingPoint, ACheckpointIsNamedAlikeByAllProcesses) {
  const CheckpointId id{.clock = 40, .job = 0xFEDC'BA98'7654'3210};
  EXPECT_EQ(to_text(id), "40:fedcba9876543210");
  EXPECT_THAT(checkpoint_id_of(to_text(id)), Optional(id));
  for (const char* text : {"", "40", "40:", ":1", "40:x", "40:1 ", "4 0:1", "99999999999999999999:1"}) {
    EXPECT_EQ(checkpoint_id_of(text), std::nullopt) << text;
  }
}

TEST(StartingPoint, IsTheNewestThatAllHave) {
  const CheckpointId old{20, 1};
  const CheckpointId mine{40, 1};
  const CheckpointId yours{40, 2};
  EXPECT_EQ(newest_common({{mine, old}}), mine);
  EXPECT_EQ(newest_common({{mine, old}, {old, mine}}), mine);
  EXPECT_EQ(newest_common({{mine, old}, {old}, {mine, old}}), old);
  EXPECT_EQ(newest_common({{mine}, {yours}}), std::nullopt);
  EXPECT_EQ(newest_common({{mine, old}, {yours, old}}), old) << "of the same clock, but another run's";
}

TEST(StartingPoint, SaysWhoHasWhatWhereNothingIsCommon) {
  EXPECT_THAT(error_message([] {
                refuse_without_common({{{40, 1}, {20, 1}}, {{40, 1}, {20, 1}}, {}});
              }),
              HasSubstr("rank 0 has of clock 40, 20, rank 2 has none"));
  EXPECT_THAT(error_message([] { refuse_without_common({{}, {}}); }), HasSubstr("there is no whole checkpoint"));
}

TEST(StartingPoint, SaysWhatToDoWhereTheFirstCheckpointIsNotWhole) {
  for (const std::vector<CheckpointId>& second : {std::vector<CheckpointId>{}, {{40, 2}}}) {
    EXPECT_THAT(error_message([&] {
                  refuse_without_common({{{40, 1}}, second});
                }),
                HasSubstr("begin again with another --output"));
  }
}

}  // namespace
}  // namespace bosen::runtime
