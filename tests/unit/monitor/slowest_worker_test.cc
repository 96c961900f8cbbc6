#include "bosen/monitor/slowest_worker.h"

#include <gtest/gtest.h>

#include <vector>

namespace bosen::monitor {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<WorkerTotals> four_workers(std::int64_t slow_compute_ns) {
  return {{.worker = 0, .rank = 0, .clocks = 10, .compute_ns = 20 * kSecond, .wait_ns = 31 * kSecond},
          {.worker = 1, .rank = 0, .clocks = 10, .compute_ns = 21 * kSecond, .wait_ns = 30 * kSecond},
          {.worker = 2, .rank = 1, .clocks = 10, .compute_ns = slow_compute_ns, .wait_ns = 1 * kSecond},
          {.worker = 3, .rank = 1, .clocks = 5, .compute_ns = 10 * kSecond, .wait_ns = 30 * kSecond}};
}

TEST(SlowestWorkerTest, FindsTheSlowestWorker) {
  const auto slowest = find_slowest(four_workers(50 * kSecond));
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->worker, 2);
  EXPECT_EQ(slowest->rank, 1);
  EXPECT_DOUBLE_EQ(slowest->compute_s, 5);
  EXPECT_DOUBLE_EQ(slowest->times_median, 2.5);
  EXPECT_DOUBLE_EQ(slowest->others_wait_s, 30 + 29 + 29);
}

TEST(SlowestWorkerTest, NobodyIsSlowWhereAllAreAlike) {
  EXPECT_FALSE(find_slowest(four_workers(21 * kSecond)));
  EXPECT_FALSE(find_slowest(std::vector<WorkerTotals>{{.worker = 0, .clocks = 1, .compute_ns = 5}}));
  EXPECT_FALSE(find_slowest({}));
}

}  // namespace
}  // namespace bosen::monitor
