#include "bosen/core/row_index.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <vector>

#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

class RowIndexTest : public ::testing::Test {
 protected:
  std::uint32_t find(RowId row) { return index_.find(row, id_of()); }
  void insert(RowId row) {
    ids_.push_back(row);
    if (auto old = index_.insert(row, static_cast<std::uint32_t>(ids_.size() - 1), id_of())) {
      outgrown_.push_back(std::move(old));
    }
  }
  std::function<RowId(std::uint32_t)> id_of() {
    return [this](std::uint32_t slot) { return ids_[slot]; };
  }

  RowIndex index_;
  std::vector<RowId> ids_;
  std::vector<std::unique_ptr<RowIndex::Cells>> outgrown_;
};

TEST_F(RowIndexTest, FindsNothingAtFirst) {
  EXPECT_EQ(find(0), RowIndex::kNone);
  EXPECT_EQ(index_.size(), 0U);
}

TEST_F(RowIndexTest, FindsWhatWasInsertedWhileItGrows) {
  for (RowId row = -5000; row < 5000; ++row) {
    insert(row * 12'345);
    EXPECT_EQ(find(row * 12'345), ids_.size() - 1);
    EXPECT_EQ(find(row * 12'345 + 1), RowIndex::kNone);
  }
  for (std::uint32_t slot = 0; slot < ids_.size(); ++slot) EXPECT_EQ(find(ids_[slot]), slot);
  EXPECT_EQ(index_.size(), 10'000U);
  EXPECT_FALSE(outgrown_.empty());
}

TEST_F(RowIndexTest, VisitsRowsInOrderThoughTheyMayBeMissingRemovedOrInsertedMeanwhile) {
  for (RowId row = 0; row < 100; ++row) insert(row);
  for (RowId row = 0; row < 100; row += 3) index_.remove(row, id_of());
  std::vector<std::size_t> visited;
  index_.each_ahead(
      1000, [](std::size_t i) { return static_cast<RowId>(i); },
      [&](std::uint32_t slot) { EXPECT_LT(slot, ids_.size()); },
      [&](std::size_t i) {
        visited.push_back(i);
        if (find(static_cast<RowId>(i)) == RowIndex::kNone) insert(static_cast<RowId>(i));
      });
  ASSERT_EQ(visited.size(), 1000U);
  for (std::size_t i = 0; i < visited.size(); ++i) EXPECT_EQ(visited[i], i);
  for (RowId row = 0; row < 1000; ++row) EXPECT_EQ(ids_[find(row)], row);
}

TEST_F(RowIndexTest, NeedsAtMostElevenBytesARow) {
  for (RowId row = 0; row < 300'000; ++row) {
    insert(row);
    if (row > 1000) {
      ASSERT_LE(index_.bytes(), static_cast<std::size_t>(row) * 11) << row;
    }
  }
}

TEST_F(RowIndexTest, AnOutgrownIndexStillShowsWhatItHad) {
  for (RowId row = 0; row < 12; ++row) insert(row);
  ASSERT_TRUE(outgrown_.empty());
  insert(12);
  ASSERT_EQ(outgrown_.size(), 1U);
  std::size_t rows = 0;
  for (std::size_t at = 0; at <= outgrown_[0]->mask; ++at) rows += outgrown_[0]->slots[at] != RowIndex::kNone ? 1U : 0U;
  EXPECT_EQ(rows, 12U);
}

TEST_F(RowIndexTest, AgreesWithAMapWhileRowsComeAndGo) {
  testing::SimRandom random(3);
  std::map<RowId, std::uint32_t> plain;
  for (int step = 0; step < 100'000; ++step) {
    const RowId row = random.between(0, 400);
    if (plain.contains(row)) {
      index_.remove(row, id_of());
      plain.erase(row);
    } else {
      insert(row);
      plain[row] = static_cast<std::uint32_t>(ids_.size() - 1);
    }
    EXPECT_EQ(find(row), plain.contains(row) ? plain[row] : RowIndex::kNone);
  }
  for (RowId row = 0; row <= 400; ++row) {
    EXPECT_EQ(find(row), plain.contains(row) ? plain[row] : RowIndex::kNone);
  }
  EXPECT_EQ(index_.size(), plain.size());
  EXPECT_LE(index_.bytes(), 1024U * 4) << "removed rows are cleared away";
}

TEST_F(RowIndexTest, RemovingWhatIsNotThereChangesNothing) {
  insert(1);
  index_.remove(2, id_of());
  EXPECT_EQ(index_.size(), 1U);
  EXPECT_EQ(find(1), 0U);
}

}  // namespace
}  // namespace bosen::core
