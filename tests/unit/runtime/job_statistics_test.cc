#include "bosen/runtime/job_statistics.h"

#include <gtest/gtest.h>

namespace bosen::runtime {
namespace {

TEST(JobStatisticsTest, TravelAsBytes) {
  JobStatistics statistics;
  statistics.reads = 7;
  statistics.by_worker = {{.worker = 0}, {.worker = 1, .rank = 1, .compute_ns = 3}};
  const auto bytes = statistics.to_bytes();
  const auto back = JobStatistics::from_bytes(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->reads, 7);
  ASSERT_EQ(back->by_worker.size(), 2U);
  EXPECT_EQ(back->by_worker[1].compute_ns, 3);
  EXPECT_FALSE(JobStatistics::from_bytes(std::span(bytes).first(bytes.size() - 1)));
  EXPECT_FALSE(JobStatistics::from_bytes({}));
}

TEST(JobStatisticsTest, AddUp) {
  JobStatistics sum;
  sum.by_worker = {{.worker = 0}};
  JobStatistics other;
  other.clocks = 9;
  other.by_worker = {{.worker = 1}};
  sum.add(other);
  EXPECT_EQ(sum.clocks, 9);
  ASSERT_EQ(sum.by_worker.size(), 2U);
  EXPECT_EQ(sum.by_worker[1].worker, 1);
}

}  // namespace
}  // namespace bosen::runtime
