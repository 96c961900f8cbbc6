// Whether rows between processes of one host travel, or lie where both can read them: by the transport that was chosen.

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "bosen/bosen.h"
#include "bosen/job_report.h"
#include "bosen/runtime/machine_platform.h"
#include "bosen/runtime/process.h"

namespace bosen {
namespace {

using runtime::MachinePlatform;
using runtime::Process;
using runtime::ProcessSpec;

constexpr int kColumns = 10'000;

ProcessSpec spec_of(Rank rank, TransportChoice transport) {
  ProcessSpec spec;
  spec.options.transport = transport;
  spec.options.consistency = Consistency::kBsp;
  spec.job.rank = rank;
  spec.job.size = 2;
  spec.job.servers = 1;
  spec.job.job = "sharing-test";
  return spec;
}

/// Rank 1 serves rows; here rank 0's worker increments one twice, and reads it. Returns what it saw last.
float train(Process& process) {
  JobReport report("sharing-test", process.options(), process.platform(), JobReport::Progress::kHidden);
  Cluster cluster(process, report);
  const auto table = cluster.create_table<float>("rows", {.width = kColumns});
  float seen = 0;
  cluster.run_workers([&](Worker& worker) {
    for (int clock = 0; clock < 2; ++clock) {
      table.inc(worker, 0, std::vector<float>(kColumns, 1.0F));
      worker.advance();
      seen = table.get(worker, 0)[kColumns - 1];
    }
  });
  return seen;
}

/// Bytes that both processes of a job have lent, rank 0's first.
std::pair<std::uint64_t, std::uint64_t> lent(TransportChoice of_zero, TransportChoice of_one) {
  std::promise<std::string> coordinator;
  std::uint64_t by_one = 0;
  std::jthread server([&] {
    ProcessSpec spec = spec_of(1, of_one);
    spec.job.find_coordinator = [&] { return coordinator.get_future().get(); };
    MachinePlatform platform;
    Process process(std::move(spec), platform);
    process.leave();
    by_one = process.network_statistics().bytes_lent;
  });
  std::uint64_t by_zero = 0;
  ProcessSpec spec = spec_of(0, of_zero);
  spec.job.listen = "127.0.0.1:0";
  spec.job.publish_coordinator = [&](const std::string& address) { coordinator.set_value(address); };
  {
    MachinePlatform platform;
    Process process(std::move(spec), platform);
    EXPECT_EQ(train(process), 2.0F);
    process.leave();
    by_zero = process.network_statistics().bytes_lent;
  }
  server.join();
  return {by_zero, by_one};
}

TEST(SharingTest, ProcessesOfAHostReadEachOthersBlocksUnlessToldOtherwise) {
  for (const TransportChoice choice : {TransportChoice::kAutomatic, TransportChoice::kShm}) {
    const auto [by_zero, by_one] = lent(choice, choice);
    EXPECT_GE(by_zero, 2 * kColumns * sizeof(float));
    EXPECT_GE(by_one, kColumns * sizeof(float));  // the first version is of a block that rank 0 has lent
  }
}

TEST(SharingTest, OtherTransportsCopy) {
  for (const TransportChoice choice : {TransportChoice::kTcp, TransportChoice::kIpc}) {
    EXPECT_EQ(lent(choice, choice), std::pair(std::uint64_t{0}, std::uint64_t{0}));
  }
}

TEST(SharingTest, OneProcessThatDoesNotShareIsNoObstacle) {
  EXPECT_EQ(lent(TransportChoice::kAutomatic, TransportChoice::kIpc), std::pair(std::uint64_t{0}, std::uint64_t{0}));
}

}  // namespace
}  // namespace bosen
