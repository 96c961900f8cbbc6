#include "bosen/core/row_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/row_blocks.h"

namespace bosen::core {
namespace {

using testing::dense_block;
using testing::dense_shape;
using testing::dense_values;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const wire::RowShape kShape = dense_shape(ElementType::kDouble, 1);

/// A cache with one worker who looks at it.
class RowCacheTest : public ::testing::Test {
 protected:
  RowCacheTest() { reclaimer_.enter(0); }

  RowSlot& slot(RowId row) { return cache_.slot(cache_.find_or_add(row, 0)); }
  void publish(RowId row, double value, Clock clock = 0) {
    const BufferRef block = dense_block(pool_, kShape, {{row, {value}}});
    cache_.publish(slot(row), block->data, block.get(), clock, false);
  }
  double value(RowId row) { return dense_values(kShape, slot(row).data.load())[0]; }
  void quiesce() {
    reclaimer_.collect();
    reclaimer_.quiesce(0);
    reclaimer_.collect();
  }

  BufferPool pool_;
  Reclaimer reclaimer_{1};
  RowCache cache_{pool_, kShape, reclaimer_};
};

TEST_F(RowCacheTest, ShowsWhatWasPublishedLast) {
  EXPECT_EQ(cache_.find(1), RowIndex::kNone);
  publish(1, 10, 3);
  publish(1, 11, 4);
  EXPECT_EQ(value(1), 11);
  EXPECT_EQ(slot(1).clock, 4);
  EXPECT_EQ(cache_.size(), 1U);
}

TEST_F(RowCacheTest, AClockNeverGoesBack) {
  publish(1, 10, 3);
  publish(1, 11, 2);
  EXPECT_EQ(slot(1).clock, 3);
}

TEST_F(RowCacheTest, KeepsAVersionWhileAWorkerMayLookAtIt) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}});
  cache_.publish(slot(1), block->data, block.get(), 0, false);
  publish(1, 11);
  reclaimer_.collect();
  EXPECT_FALSE(block->unique());
  quiesce();
  EXPECT_TRUE(block->unique());
}

TEST_F(RowCacheTest, HoldsOneReferenceToABlockOfManyRows) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}, {2, {20}}});
  const wire::RowBlockView view(kShape, *block);
  for (std::size_t i = 0; i < 2; ++i) {
    cache_.publish(slot(view.id(i)), block->data + view.offset(i), block.get(), 0, false);
  }
  EXPECT_EQ(block->live_in_cache, 2U);
  publish(1, 11);
  quiesce();
  EXPECT_FALSE(block->unique());
  publish(2, 21);
  quiesce();
  EXPECT_TRUE(block->unique());
}

TEST_F(RowCacheTest, ARowThatFollowsPushesIsAsNewAsTheLastOne) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}});
  cache_.publish(slot(1), block->data, block.get(), 3, true);
  EXPECT_EQ(visible_clock(slot(1), 5), 5);
  EXPECT_EQ(visible_clock(slot(1), 2), 3);
}

TEST_F(RowCacheTest, ARowThatIsEvictedUnderItsReaderGetsNothingOfLaterPushes) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}});
  RowSlot& found = slot(1);  // by a reader, just before the row is evicted
  cache_.publish(found, block->data, block.get(), 3, true);
  EXPECT_THAT(cache_.evict(0), ElementsAre(1));
  EXPECT_EQ(visible_clock(found, 5), 3);
}

TEST_F(RowCacheTest, PublishingTheSameVersionAgainKeepsIt) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}});
  for (Clock clock = 0; clock < 3; ++clock) cache_.publish(slot(1), block->data, block.get(), clock, false);
  EXPECT_EQ(block->live_in_cache, 1U);
  quiesce();
  EXPECT_FALSE(block->unique());
  EXPECT_EQ(slot(1).clock, 2);
}

TEST_F(RowCacheTest, CopiesTheLastRowsOutOfALargeBlock) {
  std::vector<testing::DenseRow> rows;
  for (RowId row = 0; row < 20; ++row) rows.push_back({row, {static_cast<double>(row)}});
  const BufferRef block = dense_block(pool_, kShape, rows);
  const wire::RowBlockView view(kShape, *block);
  for (std::size_t i = 0; i < 20; ++i) {
    cache_.publish(slot(view.id(i)), block->data + view.offset(i), block.get(), 5, true);
  }
  const std::byte* seen = slot(19).data.load();
  for (RowId row = 0; row < 17; ++row) publish(row, -1);
  cache_.compact();
  EXPECT_EQ(block->live_in_cache, 0U);
  EXPECT_EQ(dense_values(kShape, seen)[0], 19) << "who looked at it still does";
  quiesce();
  EXPECT_TRUE(block->unique());
  for (RowId row = 17; row < 20; ++row) {
    EXPECT_EQ(value(row), row);
    EXPECT_EQ(slot(row).clock, 5);
    EXPECT_NE(slot(row).state & RowSlot::kSubscribed, 0);
  }
}

TEST_F(RowCacheTest, InvalidatedRowsAreMissesAndTheirVersionsStay) {
  publish(1, 10, 3);
  slot(1).state |= RowSlot::kSubscribed;
  const std::byte* seen = slot(1).data.load();
  cache_.invalidate_all();
  EXPECT_EQ(slot(1).clock, kNoClock);
  EXPECT_EQ(slot(1).state & RowSlot::kSubscribed, 0);
  EXPECT_EQ(dense_values(kShape, seen)[0], 10);
}

TEST_F(RowCacheTest, EvictsTheLeastRecentlyUsedRows) {
  for (RowId row = 0; row < 5; ++row) {
    publish(row, 1);
    slot(row).last_used = static_cast<std::uint32_t>(row == 0 ? 9 : row);
  }
  EXPECT_THAT(cache_.evict(5), IsEmpty());
  EXPECT_THAT(cache_.evict(3), UnorderedElementsAre(1, 2));
  EXPECT_EQ(cache_.size(), 3U);
  EXPECT_EQ(cache_.find(1), RowIndex::kNone);
  EXPECT_NE(cache_.find(0), RowIndex::kNone);
}

TEST_F(RowCacheTest, KeepsARowThatIsUsedAgainAfterItWasFoundToBeTheNextToGo) {
  for (RowId row = 0; row < 33; ++row) {
    publish(row, 1);
    slot(row).last_used = static_cast<std::uint32_t>(row);
  }
  EXPECT_THAT(cache_.evict(32), ElementsAre(0));  // and row 1 would be next
  slot(1).last_used = 33;
  publish(33, 1);
  slot(33).last_used = 33;
  EXPECT_THAT(cache_.evict(32), ElementsAre(2));
  EXPECT_NE(cache_.find(1), RowIndex::kNone);
}

TEST_F(RowCacheTest, SearchesAFullCacheSeldomWhereFewRowsAreNew) {
  constexpr RowId kRows = 1600;
  std::uint32_t clock = 0;
  const auto use_new_row = [&](RowId row) {
    publish(row, 1);
    slot(row).last_used = ++clock;
  };
  for (RowId row = 0; row < kRows; ++row) use_new_row(row);
  for (RowId row = kRows; row < 3 * kRows; ++row) {
    use_new_row(row);
    EXPECT_THAT(cache_.evict(kRows), ElementsAre(row - kRows));
    quiesce();
  }
  EXPECT_LE(cache_.slots_searched(), 20U * 2 * kRows) << "a few slots for each new row, and not all of them";
}

TEST_F(RowCacheTest, EvictsNoRowThatIsPinned) {
  for (RowId row = 0; row < 3; ++row) publish(row, 1);
  slot(0).pins = 1;
  slot(2).pins = 2;
  EXPECT_THAT(cache_.evict(0), ElementsAre(1));
  EXPECT_EQ(cache_.size(), 2U);
}

TEST_F(RowCacheTest, SaysNothingOfEvictedRowsThatItHadNoCopyOf) {
  slot(1);
  publish(2, 20);
  EXPECT_THAT(cache_.evict(0), ElementsAre(2));
  EXPECT_EQ(cache_.size(), 0U);
}

TEST_F(RowCacheTest, AnEvictedRowStaysWithWhoeverLooksAtIt) {
  publish(1, 10);
  const std::uint32_t number = cache_.find(1);
  const std::byte* seen = cache_.slot(number).data.load();
  cache_.evict(0);
  EXPECT_NE(cache_.find_or_add(2, 0), number) << "its slot is not used again";
  publish(3, 30);
  EXPECT_EQ(dense_values(kShape, seen)[0], 10);
  quiesce();
  EXPECT_EQ(cache_.find_or_add(4, 0), number) << "until everybody has looked away";
  EXPECT_EQ(cache_.slot(number).data.load(), nullptr);
  EXPECT_EQ(cache_.slot(number).clock, kNoClock);
  EXPECT_EQ(cache_.slot(number).state, 0);
}

TEST_F(RowCacheTest, GivesItsBlocksBackWithItself) {
  const BufferRef block = dense_block(pool_, kShape, {{1, {10}}});
  {
    RowCache cache(pool_, kShape, reclaimer_);
    cache.publish(cache.slot(cache.find_or_add(1, 0)), block->data, block.get(), 0, false);
  }
  EXPECT_TRUE(block->unique());
}

}  // namespace
}  // namespace bosen::core
