#include "bosen/core/row_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <utility>

#include "bosen/base/limits.h"
#include "tests/support/error_message.h"
#include "tests/support/row_blocks.h"
#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

using ::testing::AllOf;
using testing::dense_block;
using testing::dense_shape;
using testing::dense_values;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using testing::sparse_block;
using testing::sparse_shape;
using testing::sparse_values;
using ::testing::StartsWith;

const wire::RowShape kDense = dense_shape(ElementType::kFloat, 2);
const wire::RowShape kSparse = sparse_shape(ElementType::kDouble);
constexpr Clock kClock = 0;

class RowStoreTest : public ::testing::Test {
 protected:
  static std::vector<RowId> changed_since(RowStore& store, std::uint64_t position) {
    std::vector<RowId> rows;
    store.changed_since(position, [&](const StoredRow& row) { rows.push_back(row.id); });
    return rows;
  }
  static std::vector<double> values(RowStore& store, RowId row) { return dense_values(kDense, store.row(row).data); }

  BufferPool pool_;
};

TEST_F(RowStoreTest, TakesTheMemoryOfTheFirstUpdate) {
  RowStore store(pool_, kDense, nullptr);
  BufferRef block = dense_block(pool_, kDense, {{1, {10, 11}}, {2, {20, 21}}});
  store.apply(block, kClock);
  EXPECT_EQ(store.row(1).block, block.get());
  EXPECT_THAT(values(store, 1), ElementsAre(10, 11));
  EXPECT_THAT(values(store, 2), ElementsAre(20, 21));
  EXPECT_EQ(block->live_in_store, 2U);
}

TEST_F(RowStoreTest, AddsInPlaceWhereNobodyElseLooks) {
  RowStore store(pool_, kDense, nullptr);
  store.apply(dense_block(pool_, kDense, {{1, {10, 11}}}), kClock);
  const std::byte* place = store.row(1).data;
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);
  EXPECT_EQ(store.row(1).data, place);
  EXPECT_THAT(values(store, 1), ElementsAre(11, 12));
}

TEST_F(RowStoreTest, NeverChangesWhatSomebodyElseMayLookAt) {
  RowStore store(pool_, kDense, nullptr);
  store.apply(dense_block(pool_, kDense, {{1, {10, 11}}, {2, {20, 21}}}), kClock);
  const std::byte* seen = store.row(1).data;
  const BufferRef reader = BufferRef::share(store.row(1).block);
  const BufferRef kept_by_link = dense_block(pool_, kDense, {{1, {1, 1}}});
  store.apply(BufferRef(kept_by_link), kClock);                    // neither may be written
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);  // the store's own copy may
  const BufferRef second_reader = BufferRef::share(store.row(1).block);
  const std::byte* seen_later = store.row(1).data;
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);  // becomes the row
  EXPECT_THAT(dense_values(kDense, seen), ElementsAre(10, 11));
  EXPECT_THAT(dense_values(kDense, seen_later), ElementsAre(12, 13));
  EXPECT_THAT(dense_values(kDense, kept_by_link->data), ElementsAre(1, 1));
  EXPECT_THAT(values(store, 1), ElementsAre(13, 14));
  EXPECT_THAT(values(store, 2), ElementsAre(20, 21));
}

TEST_F(RowStoreTest, AddsARowThatABlockNamesTwiceTwice) {
  for (const bool is_new : {true, false}) {
    RowStore store(pool_, kDense, nullptr);
    if (!is_new) store.apply(dense_block(pool_, kDense, {{1, {100, 100}}}), kClock);
    const BufferRef reader = is_new ? BufferRef() : BufferRef::share(store.row(1).block);
    store.apply(dense_block(pool_, kDense, {{1, {1, 2}}, {1, {10, 20}}}), kClock);
    const double before = is_new ? 0 : 100;
    EXPECT_THAT(values(store, 1), ElementsAre(before + 11, before + 22));
  }
}

TEST_F(RowStoreTest, AddsAllElementTypes) {
  for (const ElementType element :
       {ElementType::kFloat, ElementType::kDouble, ElementType::kInt32, ElementType::kInt64}) {
    const wire::RowShape shape = dense_shape(element, 3);
    RowStore store(pool_, shape, nullptr);
    for (int i = 0; i < 3; ++i) store.apply(dense_block(pool_, shape, {{-5, {1, -2, 3}}}), kClock);
    EXPECT_THAT(dense_values(shape, store.row(-5).data), ElementsAre(3, -6, 9));
  }
}

TEST_F(RowStoreTest, MergesSparseUpdates) {
  RowStore store(pool_, kSparse, nullptr);
  store.apply(sparse_block(pool_, kSparse, {{1, {{3, 30}, {7, 70}}}}), kClock);
  const BufferRef reader = BufferRef::share(store.row(1).block);
  const std::byte* seen = store.row(1).data;
  store.apply(sparse_block(pool_, kSparse, {{1, {{3, 1}, {4, 40}}}}), kClock);  // a new column
  store.apply(sparse_block(pool_, kSparse, {{1, {{7, 1}}}}), kClock);           // in place
  using Elements = std::vector<std::pair<Column, double>>;
  EXPECT_EQ(sparse_values(kSparse, store.row(1).data), (Elements{{3, 31}, {4, 40}, {7, 71}}));
  EXPECT_EQ(sparse_values(kSparse, seen), (Elements{{3, 30}, {7, 70}}));
}

TEST_F(RowStoreTest, KeepsSparseReadersVersionsThoughTheColumnsAreThere) {
  RowStore store(pool_, kSparse, nullptr);
  store.apply(sparse_block(pool_, kSparse, {{1, {{3, 30}}}}), kClock);
  const BufferRef reader = BufferRef::share(store.row(1).block);
  const std::byte* seen = store.row(1).data;
  store.apply(sparse_block(pool_, kSparse, {{1, {{3, 1}}}}), kClock);
  EXPECT_EQ(sparse_values(kSparse, seen).front().second, 30);
  EXPECT_EQ(sparse_values(kSparse, store.row(1).data).front().second, 31);
}

TEST_F(RowStoreTest, RefusesASparseRowThatGrowsTooLarge) {
  constexpr auto kColumns = static_cast<Column>(limits::kRowBytesMax / (sizeof(Column) + sizeof(double)) / 2 + 1);
  const auto block_from = [this](Column first) {
    wire::BlockBuilder builder(pool_, kSparse, limits::kBlockBytes);
    std::byte* record = builder.append_sparse(7, kColumns);
    std::iota(wire::SparseRecord::columns(record), wire::SparseRecord::columns(record) + kColumns, first);
    return builder.take().front();
  };
  RowStore store(pool_, kSparse, nullptr);
  store.apply(block_from(0), kClock);
  EXPECT_THAT(
      error_message([&] { store.apply(block_from(kColumns), kClock); }),
      AllOf(StartsWith("row 7 of a sparse table has grown to "), EndsWith("spread its columns over several rows")));
}

TEST_F(RowStoreTest, ReadsMakeRowsOfZeros) {
  RowStore store(pool_, kSparse, nullptr);
  EXPECT_EQ(store.row(4).data, nullptr);
  EXPECT_EQ(store.size(), 1U);
  EXPECT_THAT(sparse_values(kSparse, store.zero_block()->data), IsEmpty());
}

TEST_F(RowStoreTest, LogsEveryChangeOnceForTheFurthestReader) {
  RowStore store(pool_, kDense, nullptr);
  store.keep_log(true);
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}, {2, {1, 1}}}), kClock);
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);
  EXPECT_THAT(changed_since(store, 1), ElementsAre(1, 2));
  const std::uint64_t read_up_to = store.log_end();
  store.trim_log(1, read_up_to);  // one reader has read all, another nothing
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);
  EXPECT_THAT(changed_since(store, read_up_to), ElementsAre(1));
  EXPECT_THAT(changed_since(store, 1), ElementsAre(2, 1)) << "once for the one who has not read, too";
}

TEST_F(RowStoreTest, ALogIsNoLongerThanTheTableHoweverSeldomItIsRead) {
  RowStore store(pool_, kDense, nullptr);
  store.keep_log(true);
  for (int reading = 0; reading < 3; ++reading) {
    const std::uint64_t read_up_to = store.log_end();
    for (int clock = 0; clock < 100; ++clock) {
      store.apply(dense_block(pool_, kDense, {{1, {1, 1}}, {2, {1, 1}}}), kClock);
    }
    EXPECT_EQ(store.log_end() - read_up_to, 2U);
    store.trim_log(store.log_end(), store.log_end());
  }
}

TEST_F(RowStoreTest, CompactingTheLogLeavesEveryReaderItsChanges) {
  testing::SimRandom random(5);
  RowStore store(pool_, kDense, nullptr);
  store.keep_log(true);
  std::array<std::uint64_t, 3> positions{1, 1, 1};
  std::array<std::vector<RowId>, 3> unread;  // in the order of their last changes
  for (int step = 0; step < 2000; ++step) {
    const RowId row = random.between(0, 9);
    store.apply(dense_block(pool_, kDense, {{row, {1, 1}}}), kClock);
    const auto reader = static_cast<std::size_t>(random.chance(0.1) ? 1 : 0);  // 2 hardly ever reads
    const bool reads = random.chance(0.5);
    for (std::size_t i = 0; i < 3; ++i) {
      std::erase(unread[i], row);
      unread[i].push_back(row);
      auto changed = changed_since(store, positions[i]);
      ASSERT_THAT(changed, ::testing::UnorderedElementsAreArray(unread[i])) << "reader " << i << " step " << step;
      if ((reads && i == reader) || step % 700 == 699) {
        positions[i] = store.log_end();
        unread[i].clear();
      }
    }
    store.trim_log(*std::min_element(positions.begin(), positions.end()),
                   *std::max_element(positions.begin(), positions.end()));
    if (random.chance(0.05)) {
      store.compact_log({positions.data(), positions.data() + 1, positions.data() + 2});
      EXPECT_LE(store.log_size(), store.size());
    }
  }
}

TEST_F(RowStoreTest, LogsNothingWithoutReaders) {
  RowStore store(pool_, kDense, nullptr);
  store.apply(dense_block(pool_, kDense, {{1, {1, 1}}}), kClock);
  EXPECT_THAT(changed_since(store, 0), IsEmpty());
}

// Blocks of many rows of which few are left are given up, so that a table takes about the memory of its rows.
TEST_F(RowStoreTest, FreesBlocksOfWhichFewRowsAreCurrent) {
  for (const wire::RowShape& shape : {kDense, kSparse}) {
    RowStore store(pool_, shape, nullptr);
    store.keep_log(true);
    const auto update = [&](RowId first, RowId last, double value) {
      if (shape.kind == RowKind::kDense) {
        std::vector<testing::DenseRow> rows;
        for (RowId row = first; row <= last; ++row) rows.push_back({row, {value, value}});
        return dense_block(pool_, shape, rows);
      }
      std::vector<testing::SparseRow> rows;
      for (RowId row = first; row <= last; ++row) rows.push_back({row, {{1, value}}});
      return sparse_block(pool_, shape, rows);
    };
    std::vector<BufferRef> old;  // readers: every update needs a new version
    for (RowId block = 0; block < 10; ++block) {
      old.push_back(update(block * 100, block * 100 + 99, 1));
      store.apply(old.back(), kClock);
    }
    const std::uint64_t position = store.log_end();
    store.trim_log(position, position);
    for (RowId block = 0; block < 10; ++block) store.apply(update(block * 100, block * 100 + 80, 1), kClock);
    for (const BufferRef& block : old) {
      EXPECT_EQ(block->live_in_store, 0U);
      EXPECT_TRUE(block->unique());
    }
    for (RowId row = 0; row < 1000; ++row) {
      const double expected = row % 100 <= 80 ? 2 : 1;
      if (shape.kind == RowKind::kDense) {
        EXPECT_THAT(dense_values(shape, store.row(row).data), ElementsAre(expected, expected));
      } else {
        EXPECT_THAT(sparse_values(shape, store.row(row).data), ElementsAre(std::pair(Column{1}, expected)));
      }
    }
    EXPECT_EQ(changed_since(store, position).size(), 1000U)
        << "rows that moved are logged: a reader lets go of their block too";
  }
}

TEST_F(RowStoreTest, KeepsNoBlockForTheSakeOfOneNewRow) {
  RowStore store(pool_, kDense, nullptr);
  for (RowId row = 0; row < 20; ++row) store.apply(dense_block(pool_, kDense, {{row, {1, 1}}}), kClock);
  for (RowId newcomer = 100; newcomer < 103; ++newcomer) {
    std::vector<testing::DenseRow> rows;
    for (RowId row = 0; row < 20; ++row) rows.push_back({row, {1, 1}});
    rows.push_back({newcomer, {7, 8}});
    const BufferRef block = dense_block(pool_, kDense, rows);
    store.apply(block, kClock);
    EXPECT_TRUE(block->unique());
    EXPECT_THAT(values(store, newcomer), ElementsAre(7, 8));
  }
  EXPECT_THAT(values(store, 5), ElementsAre(4, 4));
}

TEST_F(RowStoreTest, AgreesWithAMapWhateverIsSharedMeanwhile) {
  testing::SimRandom random(11);
  for (int round = 0; round < 20; ++round) {
    const wire::RowShape shape = round % 2 == 0 ? kDense : kSparse;
    RowStore store(pool_, shape, nullptr);
    std::map<std::pair<RowId, Column>, double> plain;
    std::vector<std::pair<BufferRef, std::vector<std::byte>>> shared;
    for (int step = 0; step < 300; ++step) {
      std::map<RowId, std::map<Column, double>> changes;
      const int count = random.below(20) + 1;
      for (int i = 0; i < count; ++i) changes[random.between(0, 30)][static_cast<Column>(random.below(2))] += 1;
      std::vector<testing::DenseRow> dense;
      std::vector<testing::SparseRow> sparse;
      for (const auto& [row, elements] : changes) {
        dense.push_back({row, {0, 0}});
        sparse.push_back({row, {elements.begin(), elements.end()}});
        for (const auto& [column, value] : elements) {
          dense.back().values[column] = value;
          plain[{row, column}] += value;
        }
      }
      BufferRef block =
          shape.kind == RowKind::kDense ? dense_block(pool_, shape, dense) : sparse_block(pool_, shape, sparse);
      const auto share = [&](Buffer* buffer) {
        shared.emplace_back(BufferRef::share(buffer),
                            std::vector<std::byte>(buffer->data, buffer->data + buffer->size));
      };
      if (random.chance(0.3)) share(block.get());
      store.apply(block, kClock);
      block = {};
      StoredRow& any = store.row(random.between(0, 30));
      if (any.block != nullptr && random.chance(0.5)) share(any.block);
      if (shared.size() > 5) shared.erase(shared.begin() + random.below(5));
      for (const auto& [buffer, content] : shared) {
        ASSERT_TRUE(std::equal(content.begin(), content.end(), buffer->data)) << "round " << round << " step " << step;
      }
    }
    for (RowId row = 0; row <= 30; ++row) {
      for (const Column column : {0U, 1U}) {
        const std::byte* data = store.row(row).data;
        double value = 0;
        if (shape.kind == RowKind::kDense) value = dense_values(shape, data)[column];
        for (const auto& [at, element] : sparse_values(shape, shape.kind == RowKind::kSparse ? data : nullptr)) {
          if (at == column) value = element;
        }
        EXPECT_EQ(value, (plain[{row, column}]));
      }
    }
  }
}

}  // namespace
}  // namespace bosen::core
