#include "apps/common/gathering.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

namespace apps {
namespace {

struct Sum {
  double value = 0;

  void add(const Sum& other) { value += other.value; }
};

/// Runs `body` in three workers of this process.
void run_workers(const std::function<void(Gathering<Sum>&, bosen::Worker&)>& body) {
  bosen::App app("gathering", "");
  app.defaults().workers = 3;
  const std::array argv{"gathering"};
  const int code = app.run(1, argv.data(), [&](bosen::Cluster& cluster) {
    Gathering<Sum> gathering(cluster, "sums", 2);
    cluster.run_workers([&](bosen::Worker& worker) { body(gathering, worker); });
  });
  EXPECT_EQ(code, 0);
}

/// Of the workers in turn 1e16, -1e16 and 1: added up in another order they are 0.
Sum sum_of(const bosen::Worker& worker) {
  constexpr std::array kValues{1e16, -1e16, 1.0};
  return {kValues.at(static_cast<std::size_t>(worker.id()))};
}

TEST(GatheringTest, AddsUpInTheOrderOfTheWorkersWhoeverIsFirst) {
  run_workers([](Gathering<Sum>& gathering, bosen::Worker& worker) {
    for (bosen::WorkerId sender = worker.count() - 1; sender >= 0; --sender) {
      if (worker.id() == sender) {
        for (std::int64_t round = 0; round < 2; ++round) gathering.send(worker, round, sum_of(worker));
      }
      worker.barrier();
    }
    if (worker.id() != 0) return;
    EXPECT_TRUE(gathering.poll(worker));
    EXPECT_EQ(gathering.next().value, 1);
    gathering.wait(worker);
    EXPECT_EQ(gathering.next().value, 1);
    EXPECT_EQ(gathering.round(), 2);
  });
}

TEST(GatheringTest, IsNotWholeBeforeAllHaveSent) {
  run_workers([](Gathering<Sum>& gathering, bosen::Worker& worker) {
    if (worker.id() != 1) gathering.send(worker, 0, sum_of(worker));
    worker.barrier();
    const bool whole = worker.id() == 0 && gathering.poll(worker);
    EXPECT_FALSE(whole);
    worker.barrier();
    if (worker.id() == 1) gathering.send(worker, 0, sum_of(worker));
    worker.barrier();
    if (worker.id() != 0) return;
    EXPECT_TRUE(gathering.poll(worker));
    EXPECT_EQ(gathering.next().value, 1);
  });
}

TEST(GatheringTest, MayHaveMoreRoundsThanAnIntCounts) {
  bosen::App app("gathering", "");
  const std::array argv{"gathering"};
  const auto body = [](bosen::Cluster& cluster) { Gathering<Sum>(cluster, "sums", std::int64_t{1} << 33); };
  EXPECT_EQ(app.run(1, argv.data(), body), 0);
}

}  // namespace
}  // namespace apps
