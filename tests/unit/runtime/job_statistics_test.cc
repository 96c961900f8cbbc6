#include "bosen/runtime/job_statistics.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <tuple>

namespace bosen::runtime {
namespace {

/// Every number another, from `first` on.
JobStatistics distinct(std::int64_t first) {
  JobStatistics statistics;
  auto& [workers, clocks, compute_ns, wait_ns, reads, misses, sent, received, staleness] =
      static_cast<JobTotals&>(statistics);
  for (auto* number : {&workers, &clocks, &compute_ns, &wait_ns, &reads, &misses, &sent, &received}) *number = first++;
  for (auto& count : staleness) count = first++;
  const auto next = [&first] { return static_cast<int>(first++); };
  for (int i = 0; i < 2; ++i) {
    const int worker = next();
    const int rank = next();
    statistics.by_worker.push_back(
        {.worker = worker, .rank = rank, .clocks = next(), .compute_ns = next(), .wait_ns = next()});
  }
  return statistics;
}

TEST(JobStatisticsTest, TravelAsBytes) {
  const JobStatistics statistics = distinct(100);
  const auto bytes = statistics.to_bytes();
  EXPECT_TRUE(JobStatistics::from_bytes(bytes) == statistics);
  EXPECT_FALSE(JobStatistics::from_bytes(std::span(bytes).first(bytes.size() - 1)));
  EXPECT_FALSE(JobStatistics::from_bytes({}));
}

TEST(JobStatisticsTest, AddUp) {
  const JobStatistics one = distinct(100);
  const JobStatistics other = distinct(3000);
  JobStatistics sum = one;
  sum.add(other);
  EXPECT_EQ(sum.workers, one.workers + other.workers);
  EXPECT_EQ(sum.clocks, other.clocks) << "of the worker that advanced most often";
  EXPECT_EQ(sum.compute_ns, one.compute_ns + other.compute_ns);
  EXPECT_EQ(sum.wait_ns, one.wait_ns + other.wait_ns);
  EXPECT_EQ(sum.reads, one.reads + other.reads);
  EXPECT_EQ(sum.misses, one.misses + other.misses);
  EXPECT_EQ(sum.bytes_sent, one.bytes_sent + other.bytes_sent);
  EXPECT_EQ(sum.bytes_received, one.bytes_received + other.bytes_received);
  for (std::size_t i = 0; i < sum.staleness.size(); ++i) {
    EXPECT_EQ(sum.staleness[i], one.staleness[i] + other.staleness[i]) << i;
  }
  ASSERT_EQ(sum.by_worker.size(), 4U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(sum.by_worker[i] == one.by_worker[i]);
    EXPECT_TRUE(sum.by_worker[2 + i] == other.by_worker[i]);
  }
  JobStatistics reversed = other;
  reversed.add(one);
  EXPECT_EQ(reversed.clocks, other.clocks);
}

}  // namespace
}  // namespace bosen::runtime
