#include "bosen/core/worker_delta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "bosen/base/limits.h"
#include "tests/support/row_blocks.h"
#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

using testing::dense_block;
using testing::dense_shape;
using testing::dense_values;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using testing::sparse_block;
using testing::sparse_shape;
using testing::sparse_values;

const wire::RowShape kDenseRow = dense_shape(ElementType::kDouble, 3);
const wire::RowShape kSparseRow = sparse_shape(ElementType::kDouble);

const std::byte* bytes(const std::vector<double>& values) { return reinterpret_cast<const std::byte*>(values.data()); }

class WorkerDeltaTest : public ::testing::Test {
 protected:
  static void inc_sparse(WorkerDelta& delta, std::uint32_t slot, RowId row, const std::vector<Column>& columns,
                         const std::vector<double>& values, ShardId shard = 0) {
    delta.inc_sparse(slot, row, shard, columns, bytes(values));
  }
  static std::vector<double> row_of(const BufferRef& block, std::size_t i) {
    return dense_values(kDenseRow, block->data + wire::RowBlockView(kDenseRow, *block).offset(i));
  }

  BufferPool pool_;
};

TEST_F(WorkerDeltaTest, SumsDenseUpdates) {
  WorkerDelta delta(pool_, kDenseRow, 1);
  delta.inc_dense(5, 50, 0, bytes({1, 2, 3}));
  delta.inc_dense(5, 50, 0, bytes({10, 20, 30}));
  delta.inc_dense_at(5, 50, 0, std::vector<Column>{2, 0, 2}, bytes({100, 200, 300}));
  EXPECT_TRUE(delta.has(5));
  EXPECT_FALSE(delta.has(4));
  EXPECT_FALSE(delta.has(1000));
  const auto blocks = delta.seal(0);
  ASSERT_THAT(blocks, SizeIs(1));
  EXPECT_THAT(row_of(blocks[0], 0), ElementsAre(211, 22, 433));
}

TEST_F(WorkerDeltaTest, StartsARowOfColumnsFromZero) {
  WorkerDelta delta(pool_, kDenseRow, 1);
  delta.inc_dense_at(0, 1, 0, std::vector<Column>{1}, bytes({7}));
  EXPECT_THAT(row_of(delta.seal(0)[0], 0), ElementsAre(0, 7, 0));
}

TEST_F(WorkerDeltaTest, SortsUpdatesByShard) {
  WorkerDelta delta(pool_, kDenseRow, 2);
  delta.inc_dense(0, 10, 1, bytes({1, 1, 1}));
  delta.inc_dense(1, 11, 0, bytes({2, 2, 2}));
  delta.inc_dense(2, 12, 1, bytes({3, 3, 3}));
  const auto zero = delta.seal(0);
  const auto one = delta.seal(1);
  EXPECT_EQ(wire::RowBlockView(kDenseRow, *zero[0]).id(0), 11);
  EXPECT_EQ(wire::RowBlockView(kDenseRow, *one[0]).id(0), 10);
  EXPECT_EQ(wire::RowBlockView(kDenseRow, *one[0]).id(1), 12);
  EXPECT_THAT(delta.seal(0), IsEmpty());
}

TEST_F(WorkerDeltaTest, OrdersSparseColumnsAndAddsEqualOnes) {
  WorkerDelta delta(pool_, kSparseRow, 1);
  inc_sparse(delta, 0, 1, {9, 2}, {90, 20});
  inc_sparse(delta, 0, 1, {5, 9}, {50, 1});
  const auto blocks = delta.seal(0);
  const wire::RowBlockView view(kSparseRow, *blocks[0]);
  EXPECT_THAT(sparse_values(kSparseRow, blocks[0]->data + view.offset(0)),
              ElementsAre(Pair(2, 20), Pair(5, 50), Pair(9, 91)));
  EXPECT_TRUE(wire::RowBlockView::check(kSparseRow, {blocks[0]->data, blocks[0]->size}, blocks[0]->rows));
}

TEST_F(WorkerDeltaTest, KnowsHowManyColumnsASparseRowHasRoomFor) {
  WorkerDelta delta(pool_, kSparseRow, 1);
  constexpr std::size_t kColumnsMax = (limits::kRowBytesMax - 16) / (sizeof(Column) + sizeof(double));
  EXPECT_TRUE(delta.has_room(0, kColumnsMax));
  EXPECT_FALSE(delta.has_room(0, kColumnsMax + 8));
  inc_sparse(delta, 0, 7, {3, 3, 3, 3, 3, 3, 3, 3, 3}, std::vector<double>(9));
  EXPECT_TRUE(delta.has_room(0, kColumnsMax - 1)) << "it is only one column";
  EXPECT_FALSE(delta.has_room(0, kColumnsMax + 7));
}

TEST_F(WorkerDeltaTest, FoldsWithTheSharedRow) {
  WorkerDelta delta(pool_, kDenseRow, 1);
  const BufferRef base = dense_block(pool_, kDenseRow, {{1, {100, 200, 300}}});
  delta.inc_dense(0, 1, 0, bytes({1, 2, 3}));
  EXPECT_THAT(dense_values(kDenseRow, delta.folded(0, base->data)), ElementsAre(101, 202, 303));
  EXPECT_THAT(dense_values(kDenseRow, delta.folded(0, nullptr)), ElementsAre(1, 2, 3));
}

TEST_F(WorkerDeltaTest, FoldsSparseRows) {
  WorkerDelta delta(pool_, kSparseRow, 1);
  const BufferRef base = sparse_block(pool_, kSparseRow, {{1, {{2, 20}, {4, 40}}}});
  inc_sparse(delta, 0, 1, {5, 4, 1}, {5, 4, 1});
  EXPECT_THAT(sparse_values(kSparseRow, delta.folded(0, base->data)),
              ElementsAre(Pair(1, 1), Pair(2, 20), Pair(4, 44), Pair(5, 5)));
  EXPECT_THAT(sparse_values(kSparseRow, delta.folded(0, nullptr)), ElementsAre(Pair(1, 1), Pair(4, 4), Pair(5, 5)));
}

TEST_F(WorkerDeltaTest, AViewDoesNotChangeWhenMoreIsAdded) {
  WorkerDelta dense(pool_, kDenseRow, 1);
  const BufferRef base = dense_block(pool_, kDenseRow, {{1, {100, 200, 300}}});
  std::vector<const std::byte*> views;
  for (int i = 1; i <= 100; ++i) {
    dense.inc_dense(0, 1, 0, bytes({1, 1, 1}));
    views.push_back(dense.folded(0, base->data));
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(dense_values(kDenseRow, views[i])[0], 101 + static_cast<double>(i));
  }
  WorkerDelta sparse(pool_, kSparseRow, 1);
  inc_sparse(sparse, 0, 1, {3}, {1});
  const std::byte* before = sparse.folded(0, nullptr);
  inc_sparse(sparse, 0, 1, {3, 2}, {1, 1});
  EXPECT_THAT(sparse_values(kSparseRow, before), ElementsAre(Pair(3, 1)));
  EXPECT_THAT(sparse_values(kSparseRow, sparse.folded(0, nullptr)), ElementsAre(Pair(2, 1), Pair(3, 2)));
}

TEST_F(WorkerDeltaTest, AViewOutlivesTheDeltaThatItWasFoldedWith) {
  WorkerDelta delta(pool_, kDenseRow, 1);
  const BufferRef base = dense_block(pool_, kDenseRow, {{1, {100, 200, 300}}});
  delta.inc_dense(0, 1, 0, bytes({1, 1, 1}));
  const std::byte* view = delta.folded(0, base->data);
  delta.seal(0);
  delta.clear();  // this table is advanced; its worker is not yet
  delta.inc_dense(0, 1, 0, bytes({5, 5, 5}));
  static_cast<void>(delta.folded(0, base->data));
  EXPECT_THAT(dense_values(kDenseRow, view), ElementsAre(101, 201, 301));
}

TEST_F(WorkerDeltaTest, FoldsOnceWhileNothingChanges) {
  WorkerDelta delta(pool_, kDenseRow, 1);
  const BufferRef base = dense_block(pool_, kDenseRow, {{1, {100, 200, 300}}});
  const BufferRef newer = dense_block(pool_, kDenseRow, {{1, {500, 500, 500}}});
  delta.inc_dense(0, 1, 0, bytes({1, 2, 3}));
  const std::byte* view = delta.folded(0, base->data);
  EXPECT_EQ(delta.folded(0, base->data), view);
  EXPECT_THAT(dense_values(kDenseRow, delta.folded(0, newer->data)), ElementsAre(501, 502, 503));
}

TEST_F(WorkerDeltaTest, ForgetsEverythingWhenCleared) {
  WorkerDelta delta(pool_, kSparseRow, 1);
  inc_sparse(delta, 3, 1, {9, 2}, {90, 20});
  delta.seal(0);
  delta.clear();
  EXPECT_TRUE(delta.empty());
  EXPECT_FALSE(delta.has(3));
  inc_sparse(delta, 3, 1, {7}, {70});
  EXPECT_THAT(sparse_values(kSparseRow, delta.folded(3, nullptr)), ElementsAre(Pair(7, 70)));
}

TEST_F(WorkerDeltaTest, AgreesWithAMapOverManyClocks) {
  testing::SimRandom random(5);
  WorkerDelta delta(pool_, kSparseRow, 3);
  for (int clock = 0; clock < 50; ++clock) {
    std::map<RowId, std::map<Column, double>> plain;
    const int updates = random.below(200);
    for (int i = 0; i < updates; ++i) {
      const RowId row = random.between(0, 20);
      const auto column = static_cast<Column>(random.below(30));
      plain[row][column] += 1;
      inc_sparse(delta, static_cast<std::uint32_t>(row), row, {column}, {1}, static_cast<ShardId>(row % 3));
      if (random.chance(0.1)) delta.folded(static_cast<std::uint32_t>(row), nullptr);
    }
    EXPECT_EQ(delta.size(), plain.size());
    std::map<RowId, std::map<Column, double>> sealed;
    for (ShardId shard = 0; shard < 3; ++shard) {
      for (const BufferRef& block : delta.seal(shard)) {
        const wire::RowBlockView view(kSparseRow, *block);
        for (std::size_t i = 0; i < view.size(); ++i) {
          EXPECT_EQ(view.id(i) % 3, shard);
          for (const auto& [column, value] : sparse_values(kSparseRow, block->data + view.offset(i))) {
            sealed[view.id(i)][column] = value;
          }
        }
      }
    }
    EXPECT_EQ(sealed, plain);
    delta.clear();
  }
}

TEST(Arena, GivesPiecesOfAnySizeThatDoNotOverlap) {
  Arena arena;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<std::byte*, std::size_t>> pieces;
    for (std::size_t bytes = 1; bytes < 300'000; bytes = bytes * 3 / 2 + 1) {
      std::byte* piece = arena.take(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % 8, 0U);
      std::memset(piece, static_cast<int>(pieces.size()), bytes);
      pieces.emplace_back(piece, bytes);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto [piece, bytes] = pieces[i];
      EXPECT_TRUE(std::all_of(piece, piece + bytes, [&](std::byte byte) { return byte == std::byte(i); }));
    }
    arena.reset();
  }
}

}  // namespace
}  // namespace bosen::core
