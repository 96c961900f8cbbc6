#include "bosen/core/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "tests/support/sim_random.h"

namespace bosen::core {
namespace {

std::vector<std::int64_t> rows_by_shard(const std::vector<RowId>& rows, int shards) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(shards), 0);
  for (const RowId row : rows) {
    const ShardId shard = shard_of(row, shards);
    EXPECT_GE(shard, 0);
    EXPECT_LT(shard, shards);
    ++counts[static_cast<std::size_t>(shard)];
  }
  return counts;
}

// Chi-square with k - 1 degrees of freedom has mean k - 1 and variance 2 (k - 1): six standard deviations above the
// mean is what a fair spread reaches less than once in a million times.
void expect_fair(const std::vector<RowId>& rows, int shards, const char* what) {
  const double expected = static_cast<double>(rows.size()) / shards;
  double chi_square = 0;
  for (const std::int64_t count : rows_by_shard(rows, shards)) {
    const double difference = static_cast<double>(count) - expected;
    chi_square += difference * difference / expected;
  }
  const double degrees = shards - 1;
  EXPECT_LT(chi_square, degrees + 6 * std::sqrt(2 * degrees)) << what << ", " << shards << " shards";
}

TEST(Partition, SpreadsConsecutiveIdsEvenlyToTheRow) {
  for (const int shards : {1, 2, 3, 4, 7, 16, 64, 1000}) {
    std::vector<RowId> rows(static_cast<std::size_t>(shards) * 37);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<RowId>(i);
    const auto counts = rows_by_shard(rows, shards);
    EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), 37) << shards;
    EXPECT_EQ(*std::max_element(counts.begin(), counts.end()), 37) << shards;
  }
}

TEST(Partition, AnyRangeOfIdsFromZeroDiffersByOneRowAtMost) {
  for (const int shards : {2, 3, 5, 8}) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(shards), 0);
    for (RowId row = 0; row < 1000; ++row) {
      ++counts[static_cast<std::size_t>(shard_of(row, shards))];
      const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
      EXPECT_LE(*most - *least, 1) << "rows up to " << row << ", " << shards << " shards";
    }
  }
}

TEST(Partition, SpreadsRandomIdsFairly) {
  testing::SimRandom random(7);
  for (const int shards : {2, 3, 4, 7, 16, 64}) {
    std::vector<RowId> rows(100'000);
    for (RowId& row : rows) row = static_cast<RowId>(random.next());
    expect_fair(rows, shards, "random");
  }
}

TEST(Partition, SpreadsStridedIdsFairly) {
  for (const int shards : {2, 3, 4, 7, 16, 64}) {
    for (const RowId stride : {2, 4, 7, 16, 64, 1000, 4096, 1 << 20}) {
      std::vector<RowId> rows(50'000);
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<RowId>(i) * stride;
      if (stride % shards == 0) expect_fair(rows, shards, "strided");  // else even more evenly than by chance
      const auto counts = rows_by_shard(rows, shards);
      EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 1.2 * 50'000 / shards) << stride << ' ' << shards;
    }
  }
}

TEST(Partition, TakesAnyIdThereIs) {
  for (const RowId row : {std::numeric_limits<RowId>::min(), RowId{-1}, std::numeric_limits<RowId>::max()}) {
    EXPECT_EQ(shard_of(row, 1), 0);
    EXPECT_GE(shard_of(row, 65'535), 0);
    EXPECT_LT(shard_of(row, 65'535), 65'535);
  }
}

TEST(Partition, MixingKeepsNumbersApart) {
  std::set<std::uint64_t> mixed;
  for (std::uint64_t i = 0; i < 100'000; ++i) mixed.insert(mix64(i));
  EXPECT_EQ(mixed.size(), 100'000U);
}

}  // namespace
}  // namespace bosen::core
