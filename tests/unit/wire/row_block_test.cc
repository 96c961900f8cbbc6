#include "bosen/wire/row_block.h"

#include <gtest/gtest.h>

#include <numeric>

#include "bosen/wire/copy_blocks.h"
#include "tests/support/frame_forge.h"
#include "tests/support/wire_samples.h"

namespace bosen::wire {
namespace {

using test::kDenseDouble;
using test::kDenseFloat;
using test::kSparseFloat;
using test::kSparseInt64;
using test::sample_block;
using test::sample_shape;

class RowBlockTest : public ::testing::Test {
 protected:
  static bool check(TableId table, const BufferRef& block) { return check(table, block, block->rows); }
  static bool check(TableId table, const BufferRef& block, std::uint32_t rows) {
    return RowBlockView::check(*sample_shape(table), {block->data, block->size}, rows);
  }
  static void put(const BufferRef& block, std::size_t offset, std::uint32_t value) {
    std::memcpy(block->data + offset, &value, sizeof value);
  }

  BufferPool pool_;
};

TEST_F(RowBlockTest, ShowsTheRowsThatWerePutIn) {
  const BufferRef block = sample_block(pool_, kDenseDouble, {5, -7, 0});
  const RowBlockView view(*sample_shape(kDenseDouble), *block);
  ASSERT_EQ(view.size(), 3U);
  EXPECT_EQ(view.id(0), 5);
  EXPECT_EQ(view.id(1), -7);
  EXPECT_EQ(view.id(2), 0);
  double value = 0;
  std::memcpy(&value, block->data + view.offset(1) + sizeof(double), sizeof value);
  EXPECT_EQ(value, -6);
}

TEST_F(RowBlockTest, ShowsTheSparseRowsThatWerePutIn) {
  const BufferRef block = sample_block(pool_, kSparseInt64, {5, 9}, 3);
  const RowBlockView view(*sample_shape(kSparseInt64), *block);
  ASSERT_EQ(view.size(), 2U);
  const std::byte* record = block->data + view.offset(1);
  EXPECT_EQ(SparseRecord::count(record), 3U);
  EXPECT_EQ(SparseRecord::columns(record)[2], 4U);
  std::int64_t value = 0;
  std::memcpy(&value, record + SparseRecord::values_offset(3) + 16, sizeof value);
  EXPECT_EQ(value, 11);
}

TEST_F(RowBlockTest, StartsANewBlockWhereOneIsFull) {
  const RowShape shape = *sample_shape(kDenseFloat);
  BlockBuilder builder(pool_, shape, 4096);
  for (RowId id = 0; id < 1000; ++id) std::memset(builder.append_dense(id), 0, shape.row_bytes());
  const std::vector<BufferRef> blocks = builder.take();
  EXPECT_TRUE(builder.empty());
  EXPECT_GT(blocks.size(), 1U);
  RowId next = 0;
  for (const BufferRef& block : blocks) {
    EXPECT_TRUE(check(kDenseFloat, block));
    const RowBlockView view(shape, *block);
    for (std::size_t i = 0; i < view.size(); ++i) EXPECT_EQ(view.id(i), next++);
  }
  EXPECT_EQ(next, 1000);
}

TEST_F(RowBlockTest, ARowMayBeLargerThanABlock) {
  const RowShape shape{RowKind::kDense, ElementType::kDouble, 10'000};
  BlockBuilder builder(pool_, shape, 4096);
  std::memset(builder.append_dense(3), 0, shape.row_bytes());
  const std::vector<BufferRef> blocks = builder.take();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_TRUE(RowBlockView::check(shape, {blocks[0]->data, blocks[0]->size}, 1));
}

TEST_F(RowBlockTest, MergesSparseRecordsByColumn) {
  const RowShape shape = *sample_shape(kSparseInt64);
  const auto record = [&](BlockBuilder& builder, std::vector<Column> columns, std::vector<std::int64_t> values) {
    std::byte* at = builder.append_sparse(1, columns.size());
    std::memset(at + 8, 0, SparseRecord::bytes(columns.size(), 8) - 8);
    std::memcpy(at + 8, columns.data(), columns.size() * sizeof(Column));
    std::memcpy(at + SparseRecord::values_offset(columns.size()), values.data(), values.size() * 8);
    return at;
  };
  BlockBuilder parts(pool_, shape, 4096);
  const std::byte* a = record(parts, {1, 4, 6}, {10, 40, 60});
  const std::byte* b = record(parts, {4, 5, 9}, {1, 2, 3});
  const AddElements add = [](std::byte* target, const std::byte* update, std::size_t) {
    std::int64_t sum = 0;
    std::int64_t other = 0;
    std::memcpy(&sum, target, 8);
    std::memcpy(&other, update, 8);
    sum += other;
    std::memcpy(target, &sum, 8);
  };
  BlockBuilder builder(pool_, shape, 4096);
  const std::byte* merged = merge_records(builder, 1, a, b, 8, add);
  ASSERT_EQ(SparseRecord::count(merged), 5U);
  const Column* columns = SparseRecord::columns(merged);
  EXPECT_EQ(std::vector<Column>(columns, columns + 5), (std::vector<Column>{1, 4, 5, 6, 9}));
  std::vector<std::int64_t> values(5);
  std::memcpy(values.data(), merged + SparseRecord::values_offset(5), 40);
  EXPECT_EQ(values, (std::vector<std::int64_t>{10, 41, 2, 60, 3}));
  const BufferRef block = builder.take().front();
  EXPECT_TRUE(check(kSparseInt64, block));
}

TEST_F(RowBlockTest, ChecksBlocksOfEveryShape) {
  for (const TableId table : {kDenseFloat, kDenseDouble, kSparseFloat, kSparseInt64}) {
    for (const std::size_t elements : {0U, 1U, 2U, 7U}) {
      EXPECT_TRUE(check(table, sample_block(pool_, table, {1}, elements))) << table;
      EXPECT_TRUE(check(table, sample_block(pool_, table, {1, 2, 3}, elements))) << table;
    }
  }
}

TEST_F(RowBlockTest, RefusesAnotherNumberOfRows) {
  for (const TableId table : {kDenseFloat, kSparseFloat}) {
    const BufferRef block = sample_block(pool_, table, {1, 2, 3});
    for (const std::uint32_t rows : {0U, 1U, 2U, 4U, 1000U, 0x8000'0000U, 0xFFFF'FFFFU}) {
      EXPECT_FALSE(check(table, block, rows)) << rows;
    }
  }
}

TEST_F(RowBlockTest, RefusesBlocksThatAreCutOrExtended) {
  for (const TableId table : {kDenseFloat, kSparseInt64}) {
    const BufferRef block = sample_block(pool_, table, {1, 2, 3});
    const std::size_t size = block->size;
    for (std::size_t wrong = 0; wrong <= size + 16; ++wrong) {
      if (wrong == size) continue;
      EXPECT_FALSE(RowBlockView::check(*sample_shape(table), {block->data, wrong}, block->rows)) << wrong;
    }
  }
}

TEST_F(RowBlockTest, RefusesRowsOfAnotherWidth) {
  const BufferRef block = sample_block(pool_, kDenseFloat, {1, 2});
  RowShape wide = *sample_shape(kDenseFloat);
  wide.width = 5;
  EXPECT_FALSE(RowBlockView::check(wide, {block->data, block->size}, 2));
}

// 2^61 doubles a row times 8 rows would be 0 bytes if sizes wrapped around.
TEST_F(RowBlockTest, RefusesSizesWhoseProductWrapsAround) {
  const std::vector<std::byte> tail(8 * sizeof(RowId));
  const RowShape huge{RowKind::kDense, ElementType::kDouble, std::int64_t{1} << 58};
  EXPECT_FALSE(RowBlockView::check(huge, tail, 8));
}

TEST_F(RowBlockTest, RefusesASparseCountBeyondTheBlock) {
  for (const std::uint32_t count : {5U, 100U, 0x2000'0000U, 0xFFFF'FFFFU}) {
    const BufferRef block = sample_block(pool_, kSparseInt64, {1}, 4);
    put(block, 0, count);
    EXPECT_FALSE(check(kSparseInt64, block)) << count;
  }
}

TEST_F(RowBlockTest, RefusesASparseCountThatLeavesAGap) {
  const BufferRef block = sample_block(pool_, kSparseInt64, {1}, 4);
  put(block, 0, 2);
  EXPECT_FALSE(check(kSparseInt64, block));
}

TEST_F(RowBlockTest, RefusesColumnsThatDoNotAscend) {
  for (const std::uint32_t column : {2U, 3U, 99U}) {
    const BufferRef block = sample_block(pool_, kSparseInt64, {1}, 4);  // columns 0, 2, 4, 6
    put(block, 8, column);
    EXPECT_FALSE(check(kSparseInt64, block)) << column;
  }
}

TEST_F(RowBlockTest, RefusesOffsetsThatOverlapOrLeaveTheBlock) {
  const BufferRef good = sample_block(pool_, kSparseInt64, {1, 2}, 4);
  const std::size_t second_offset = good->size - sizeof(std::uint32_t);
  ASSERT_TRUE(check(kSparseInt64, good));
  for (const std::uint32_t offset : {0U, 1U, 1'000'000U, 0x2000'0000U, 0xFFFF'FFFFU}) {
    const BufferRef block = copy_block(good, pool_);
    put(block, second_offset, offset);
    EXPECT_FALSE(check(kSparseInt64, block)) << offset;
  }
}

}  // namespace
}  // namespace bosen::wire
