#include "poseidon/solver/worker_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "bosen/bosen.h"
#include "poseidon/solver/loss_window.h"

namespace poseidon {
namespace {

using testing::ElementsAre;

/// Runs `body` in three workers of this process.
void run_workers(const std::function<void(WorkerSums&, bosen::Worker&)>& body) {
  bosen::App app("sums", "");
  app.defaults().workers = 3;
  const std::array argv{"sums"};
  const int code = app.run(1, argv.data(), [&](bosen::Cluster& cluster) {
    const bosen::Channel channel = cluster.create_channel("sums", {.capacity = WorkerSums::kCapacity});
    cluster.run_workers([&](bosen::Worker& worker) {
      WorkerSums sums(channel, worker);
      body(sums, worker);
    });
  });
  EXPECT_EQ(code, 0);
}

TEST(WorkerSumsTest, AddsUpWhatAllWorkersContributeInTheirOrder) {
  run_workers([](WorkerSums& sums, bosen::Worker& worker) {
    const double own = worker.id() + 1;
    for (std::int64_t round = 0; round < 20; ++round) {
      sums.contribute(100 + round, std::array{own, own * static_cast<double>(round)});
    }
    for (std::int64_t round = 0; round < 20; ++round) {
      const auto sum = sums.await();
      ASSERT_EQ(sum.has_value(), worker.id() == 0);
      if (!sum) continue;
      EXPECT_EQ(sum->topic, 100 + round);
      EXPECT_THAT(sum->values, ElementsAre(6, 6 * static_cast<double>(round)));
    }
    EXPECT_FALSE(sums.await().has_value());
  });
}

TEST(WorkerSumsTest, DoesNotWaitForPartsThatAreOnTheirWay) {
  run_workers([](WorkerSums& sums, bosen::Worker& worker) {
    if (worker.id() == 0) {
      sums.contribute(1, std::array{1.0});
      EXPECT_FALSE(sums.ready().has_value());
    }
    worker.barrier();  // the others contribute only now
    if (worker.id() != 0) sums.contribute(1, std::array{1.0});
    const auto sum = sums.await();
    if (worker.id() == 0) {
      EXPECT_THAT(sum.value().values, ElementsAre(3));
    }
  });
}

TEST(WorkerSumsTest, WaitsForTheOldestWhereTooManyArePending) {
  constexpr std::size_t kRounds = 3 * WorkerSums::kPendingMax;
  std::atomic<std::size_t> begun = 0;  // by worker 0
  run_workers([&](WorkerSums& sums, bosen::Worker& worker) {
    std::size_t complete = 0;
    for (std::size_t round = 1; round <= kRounds; ++round) {
      if (worker.id() != 0) {  // as far behind as can be
        const std::size_t ahead = std::min(round + WorkerSums::kPendingMax, kRounds);
        for (std::size_t now = begun; now < ahead; now = begun) begun.wait(now);
        sums.contribute(1, std::array{1.0});
        continue;
      }
      sums.contribute(1, std::array{1.0});
      begun = round;
      begun.notify_all();
      while (sums.ready()) ++complete;
      EXPECT_LE(round - complete, WorkerSums::kPendingMax);
    }
  });
}

TEST(WorkerSumsTest, LetsWorkersWithNothingToAddSayNothing) {
  run_workers([](WorkerSums& sums, bosen::Worker& worker) {
    std::vector<double> values{1};
    if (worker.id() == 0) values.push_back(5);
    sums.contribute(1, values);
    const auto sum = sums.await();
    if (worker.id() == 0) {
      EXPECT_THAT(sum.value().values, ElementsAre(3, 5));
    }
  });
}

TEST(LossWindowTest, IsTheMeanOfTheLastLosses) {
  LossWindow window(3);
  EXPECT_TRUE(std::isnan(window.mean()));
  window.add(3);
  EXPECT_EQ(window.mean(), 3);
  for (const double loss : {6.0, 9.0, 12.0}) window.add(loss);
  EXPECT_EQ(window.mean(), 9);
  window.clear();
  EXPECT_TRUE(std::isnan(window.mean()));
  window.add(5);
  EXPECT_EQ(window.mean(), 5);
}

}  // namespace
}  // namespace poseidon
