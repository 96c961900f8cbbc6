#include "bosen/core/unconfirmed_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "tests/support/row_blocks.h"
#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

using testing::dense_block;
using testing::dense_shape;
using testing::dense_values;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const wire::RowShape kOneDouble = dense_shape(ElementType::kDouble, 1);
constexpr std::uint32_t kSlots = 100;

class UnconfirmedUpdatesTest : public ::testing::Test {
 protected:
  /// A batch of rows, each in its slot.
  struct Row {
    RowId row;
    std::uint32_t slot;
    double value;
  };
  void add(ShardId shard, std::uint64_t number, const std::vector<Row>& rows) {
    std::vector<testing::DenseRow> dense;
    for (const Row& row : rows) dense.push_back({row.row, {row.value}});
    updates_.add_batch(shard, number, dense_block(pool_, kOneDouble, dense));
    for (std::uint32_t i = 0; i < rows.size(); ++i) updates_.add_row(shard, i, rows[i].slot, kSlots);
  }
  std::vector<double> values(ShardId shard, std::uint32_t slot, RowId row) {
    std::vector<double> result;
    for (const std::byte* update : updates_.updates(shard, slot, row)) {
      result.push_back(dense_values(kOneDouble, update)[0]);
    }
    return result;
  }

  BufferPool pool_;
  UnconfirmedUpdates updates_{kOneDouble, 2};
};

TEST_F(UnconfirmedUpdatesTest, FindsThoseOfOneRowInTheOrderInWhichTheyWereMade) {
  add(0, 1, {{7, 70, 1}, {8, 80, 2}});
  add(0, 2, {{8, 80, 3}});
  add(0, 4, {{9, 90, 4}, {8, 80, 5}, {7, 70, 6}});
  EXPECT_THAT(values(0, 70, 7), ElementsAre(1, 6));
  EXPECT_THAT(values(0, 80, 8), ElementsAre(2, 3, 5));
  EXPECT_THAT(values(0, 90, 9), ElementsAre(4));
  EXPECT_THAT(values(0, 60, 6), IsEmpty());
  EXPECT_EQ(updates_.batches(), 3U);
}

TEST_F(UnconfirmedUpdatesTest, ForgetsABatchAsAWhole) {
  add(0, 1, {{7, 70, 1}, {8, 80, 2}});
  add(0, 2, {{8, 80, 3}});
  add(1, 1, {{9, 90, 4}});
  updates_.confirm(0, 1);
  EXPECT_THAT(values(0, 70, 7), IsEmpty());
  EXPECT_THAT(values(0, 80, 8), ElementsAre(3));
  updates_.confirm(0, 5);
  EXPECT_THAT(values(0, 80, 8), IsEmpty());
  EXPECT_TRUE(updates_.empty(0));
  EXPECT_FALSE(updates_.empty(1));
  EXPECT_THAT(values(1, 90, 9), ElementsAre(4));
}

TEST_F(UnconfirmedUpdatesTest, ASlotThatIsUsedAgainShowsNothingOfItsFormerRow) {
  add(0, 1, {{7, 70, 1}});
  EXPECT_THAT(values(0, 70, 8), IsEmpty());
  add(0, 2, {{8, 70, 2}});
  EXPECT_THAT(values(0, 70, 8), ElementsAre(2));
  EXPECT_THAT(values(1, 70, 8), IsEmpty());
}

TEST_F(UnconfirmedUpdatesTest, AgreesWithAListOfAllOfThem) {
  testing::SimRandom random(7);
  std::map<ShardId, std::vector<std::pair<std::uint64_t, Row>>> plain;
  std::uint64_t number = 0;
  double value = 0;
  for (int step = 0; step < 2000; ++step) {
    const auto shard = static_cast<ShardId>(random.below(2));
    if (random.chance(0.4)) {
      const std::uint64_t confirmed =
          number - std::min<std::uint64_t>(number, static_cast<std::uint64_t>(random.below(6)));
      updates_.confirm(shard, confirmed);
      std::erase_if(plain[shard], [&](const auto& update) { return update.first <= confirmed; });
    } else {
      ++number;
      std::vector<Row> rows;
      for (RowId row = shard; row < 10; row += 2) {
        if (random.chance(0.5)) rows.push_back({row, static_cast<std::uint32_t>(row), ++value});
      }
      if (rows.empty()) continue;
      add(shard, number, rows);
      for (const Row& row : rows) plain[shard].emplace_back(number, row);
    }
    for (RowId row = 0; row < 10; ++row) {
      const auto of = static_cast<ShardId>(row % 2);
      std::vector<double> expected;
      for (const auto& update : plain[of]) {
        if (update.second.row == row) expected.push_back(update.second.value);
      }
      ASSERT_EQ(values(of, static_cast<std::uint32_t>(row), row), expected) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace bosen::core
