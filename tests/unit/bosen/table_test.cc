// What apps call of tables, for every type of element, by two workers of one process.

#include "bosen/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bosen/app.h"

namespace bosen {
namespace {

using testing::ElementsAre;

/// As the body of an app of two workers under bsp.
void run(const std::function<void(Cluster&)>& body) {
  const std::array<const char*, 5> arguments = {"test", "--workers", "2", "--consistency", "bsp"};
  App app("test", "Tests");
  EXPECT_EQ(app.run(static_cast<int>(arguments.size()), arguments.data(), body), 0);
}

template <class T>
std::vector<T> listed(std::span<const T> values) {
  return {values.begin(), values.end()};
}

constexpr std::array<RowId, 2> kRows = {5, 1'000'000'000'000};

template <class T>
class TableTest : public testing::Test {};

using Elements = testing::Types<float, double, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(TableTest, Elements);

TYPED_TEST(TableTest, ARowIsWhatAllWorkersHaveAddedInEveryWay) {
  using T = TypeParam;
  run([](Cluster& cluster) {
    const Table<T> table = cluster.create_table<T>("dense", {.width = 3});
    EXPECT_EQ(table.width(), 3);
    cluster.run_workers([&](Worker& worker) {
      table.prefetch(worker, kRows);
      table.inc(worker, kRows[0], 0, T{1});
      table.inc(worker, kRows[0], std::vector<T>{1, 2, 3});
      table.inc(worker, kRows[0], std::vector<Column>{2, 1}, std::vector<T>{20, 10});
      EXPECT_THAT(listed(table.get(worker, kRows[0]).values()), ElementsAre(2, 12, 23)) << "its own alone";
      table.advance(worker);
      worker.advance();
      const std::vector<RowView<T>> rows = table.get(worker, kRows);
      ASSERT_EQ(rows.size(), 2U);
      EXPECT_THAT(listed(rows[0].values()), ElementsAre(4, 24, 46));
      EXPECT_THAT(listed(rows[1].values()), ElementsAre(0, 0, 0));
    });
    EXPECT_EQ(table.traffic().bytes_sent, 0) << "all stays in the process";
  });
}

TYPED_TEST(TableTest, ASparseRowHasTheColumnsThatWereWritten) {
  using T = TypeParam;
  run([](Cluster& cluster) {
    const SparseTable<T> table = cluster.create_sparse_table<T>("sparse");
    cluster.run_workers([&](Worker& worker) {
      table.prefetch(worker, kRows);
      table.inc(worker, kRows[1], 7, T{1});
      table.inc(worker, kRows[1], std::vector<Column>{4'000'000'000, 7}, std::vector<T>{3, 20});
      EXPECT_EQ(table.get(worker, kRows[1])[7], T{21});
      table.advance(worker);
      worker.advance();
      const std::vector<SparseRowView<T>> rows = table.get(worker, kRows);
      ASSERT_EQ(rows.size(), 2U);
      EXPECT_EQ(rows[0].size(), 0U);
      EXPECT_THAT(listed(rows[1].columns()), ElementsAre(7, 4'000'000'000));
      EXPECT_THAT(listed(rows[1].values()), ElementsAre(42, 6));
      EXPECT_EQ(rows[1][8], T{0});
    });
    EXPECT_EQ(table.traffic().bytes_received, 0);
  });
}

TEST(TableOptionsTest, ATableMayHaveAModelAndAStalenessOfItsOwn) {
  run([](Cluster& cluster) {
    const auto of_job = cluster.create_table<float>("of the job", {.width = 1});
    const auto bounded =
        cluster.create_sparse_table<float>("bounded", {.staleness = 3, .consistency = Consistency::kSsp});
    const auto free = cluster.create_table<float>("free", {.width = 1, .consistency = Consistency::kAsp});
    cluster.run_workers([&](Worker& worker) {
      while (worker.clock() < 5) worker.advance();
      EXPECT_EQ(of_job.staleness(worker), 0);
      EXPECT_EQ(bounded.staleness(worker), 3);
      EXPECT_EQ(free.staleness(worker), 5) << "anything since the beginning";
    });
  });
}

}  // namespace
}  // namespace bosen
