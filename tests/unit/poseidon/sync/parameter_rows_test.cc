#include "poseidon/sync/parameter_rows.h"

#include <gtest/gtest.h>

#include <numeric>

namespace poseidon {
namespace {

/// Tensors of these sizes filled with 0, 1, 2, ... all through.
struct Counted {
  explicit Counted(const std::vector<std::int64_t>& sizes) {
    float next = 0;
    for (const std::int64_t size : sizes) {
      tensors.emplace_back(static_cast<std::size_t>(size));
      for (float& value : tensors.back()) value = next++;
    }
    for (std::vector<float>& tensor : tensors) data.push_back(tensor.data());
  }
  std::vector<std::vector<float>> tensors;
  std::vector<float*> data;
};

/// All rows, one after another.
std::vector<float> gathered(const ParameterRows& rows, std::span<float* const> tensors) {
  std::vector<float> all;
  std::vector<float> scratch(static_cast<std::size_t>(rows.width()));
  for (std::size_t row = 0; row < rows.ids().size(); ++row) {
    const std::span<const float> values = rows.gather(row, tensors, scratch);
    EXPECT_EQ(values.size(), static_cast<std::size_t>(rows.width()));
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST(ParameterRowsTest, GatherAndScatterAreEachOthersInverse) {
  for (const std::vector<std::int64_t>& sizes :
       {std::vector<std::int64_t>{5}, {20'000, 10}, {7, 8'191, 1, 9'000}, {3, 3, 3}, {600'000, 300'001}}) {
    for (const int shards : {1, 2, 3, 7}) {
      const ParameterRows rows(sizes, shards, 4);
      Counted source(sizes);
      const std::vector<float> all = gathered(rows, source.data);
      for (std::int64_t i = 0; i < rows.elements(); ++i) ASSERT_EQ(all[std::size_t(i)], float(i));
      for (std::size_t i = static_cast<std::size_t>(rows.elements()); i < all.size(); ++i) ASSERT_EQ(all[i], 0);

      Counted target(sizes);
      for (std::vector<float>& tensor : target.tensors) std::fill(tensor.begin(), tensor.end(), -1.0F);
      const auto width = static_cast<std::size_t>(rows.width());
      for (std::size_t row = 0; row < rows.ids().size(); ++row) {
        rows.scatter(row, std::span(all).subspan(row * width, width),
                     [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
                       std::copy(part.begin(), part.end(), target.data[tensor] + offset);
                     });
      }
      EXPECT_EQ(target.tensors, source.tensors);
    }
  }
}

TEST(ParameterRowsTest, EveryShardCarriesAsMuchOfALargeLayer) {
  for (const int shards : {1, 2, 5, 16}) {
    const ParameterRows rows({4096 * 4096, 4096}, shards, 3);
    EXPECT_EQ(rows.ids().size() % static_cast<std::size_t>(shards), 0U);
    EXPECT_EQ(rows.ids().front(), 0);
    EXPECT_LE(rows.width() * std::int64_t(sizeof(float)), std::int64_t{1} << 20);
    const std::int64_t padding = rows.width() * std::int64_t(rows.ids().size()) - rows.elements();
    EXPECT_LT(padding, std::int64_t(rows.ids().size()));
  }
}

TEST(ParameterRowsTest, WorkersShareRowsOutAndEveryElementIsInOneShare) {
  for (const std::vector<std::int64_t>& sizes : {std::vector<std::int64_t>{5}, {20'000, 10}, {600'000, 300'001, 3}}) {
    for (const int workers : {1, 2, 3, 8}) {
      const ParameterRows rows(sizes, 2, 0);
      std::size_t next_row = 0;
      std::vector<std::int64_t> covered(sizes.size());
      for (int place = 0; place < workers; ++place) {
        const RowRange share = rows.share(place, workers);
        EXPECT_EQ(share.begin, next_row);
        next_row = share.end;
        EXPECT_LE(share.end - share.begin, rows.ids().size() / std::size_t(workers) + 1);
        std::int64_t elements = 0;
        for (const TensorPart& part : rows.parts(share)) {
          EXPECT_EQ(part.first, covered.at(part.tensor));
          covered[part.tensor] += part.count;
          elements += part.count;
        }
        EXPECT_LE(elements, std::int64_t(share.end - share.begin) * rows.width());
      }
      EXPECT_EQ(next_row, rows.ids().size());
      EXPECT_EQ(covered, sizes);
    }
  }
}

TEST(ParameterRowsTest, WorkersTakeTurnsAtLayersOfOneRow) {
  std::vector<int> rows_of(3);
  for (int layer = 0; layer < 6; ++layer) {
    const ParameterRows rows({5}, 2, layer);
    for (int place = 0; place < 3; ++place) {
      const RowRange share = rows.share(place, 3);
      rows_of[std::size_t(place)] += int(share.end - share.begin);
    }
  }
  EXPECT_EQ(rows_of, (std::vector<int>{2, 2, 2}));
}

TEST(ParameterRowsTest, SmallLayersAreOneRowEachWithConsecutiveIds) {
  const ParameterRows first({400, 20}, 4, 1);
  const ParameterRows second({500}, 4, 2);
  EXPECT_EQ(first.ids(), std::vector<bosen::RowId>{1});
  EXPECT_EQ(second.ids(), std::vector<bosen::RowId>{2});
  EXPECT_EQ(first.width(), 420);
}

TEST(ParameterRowsTest, ARowInsideOneTensorIsNotCopied) {
  const ParameterRows rows({20'000}, 2, 0);
  Counted source({20'000});
  std::vector<float> scratch(static_cast<std::size_t>(rows.width()));
  EXPECT_EQ(rows.gather(1, source.data, scratch).data(), source.data[0] + rows.width());
}

}  // namespace
}  // namespace poseidon
