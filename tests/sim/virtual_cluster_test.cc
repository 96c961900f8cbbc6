// A job's real processes on simulated nodes: the guarantee, time, faults, and that a run can be repeated.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"
#include "bosen/sim/node_pace.h"
#include "bosen/sim/sim_cluster.h"

namespace bosen::sim {
namespace {

using runtime::Process;
using runtime::WorkerContext;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TimeNs kMs = 1'000'000;
constexpr wire::RowShape kFloats{.kind = RowKind::kDense, .element = ElementType::kFloat, .width = 64};

/// A cluster in which computing takes 10 ms, a way 1 ms, and nothing else any time worth mentioning.
SimSpec plain_spec(int nodes, int workers) {
  SimSpec spec;
  spec.nodes = nodes;
  spec.workers = workers;
  spec.network.path = {.bytes_per_s = 1e9, .latency = kMs};
  spec.network.frame_ns = 0;
  spec.network.byte_ns = 0;
  spec.compute.mean_ns = 10e6;
  return spec;
}

runtime::ProcessSpec process_spec(const SimSpec& spec, Rank rank, Consistency model, Clock staleness) {
  runtime::ProcessSpec process;
  process.options.workers = spec.workers;
  process.options.consistency = model;
  process.options.staleness = staleness;
  process.job.rank = rank;
  process.job.size = spec.processes();
  process.job.servers = spec.servers;
  return process;
}

/// Every worker counts its clocks in its own column of every row, and checks what it sees of the others.
struct CountingJob {
  Consistency model = Consistency::kSsp;
  Clock staleness = 2;
  bool tunes = false;
  Clock clocks = 15;
  int rows = 7;
  std::vector<std::string> problems = {};
  std::string trace = {};            ///< who advanced when
  std::set<Clock> stalenesses = {};  ///< in force at any read
  Clock last_staleness = 0;          ///< at the latest read

  SimResult run(const SimSpec& spec) {
    return run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
      runtime::ProcessSpec own = process_spec(spec, rank, model, staleness);
      own.options.tunes_staleness = tunes;
      Process process(std::move(own), platform);
      try {
        if (!process.is_server()) {
          runtime::TableHandle& table = process.create_table("counts", kFloats, {.width = kFloats.width});
          process.run_workers([&](WorkerContext& worker) { work(table, worker, platform); });
        }
        process.leave();
      } catch (const Error& error) {
        process.abort(error);
        throw;
      }
    });
  }

  void work(runtime::TableHandle& table, WorkerContext& worker, const runtime::Platform& platform) {
    const Column own[] = {static_cast<Column>(worker.id())};
    const float one = 1;
    while (worker.clock() < clocks) {
      for (RowId row = 0; row < rows; ++row) {
        const auto* const counts = reinterpret_cast<const float*>(table.get(worker, row));
        const Clock bound = table.staleness(worker);
        stalenesses.insert(bound);
        last_staleness = bound;
        for (WorkerId other = 0; other < worker.count(); ++other) check(worker, other, counts[other], bound);
        table.inc_columns(worker, row, own, reinterpret_cast<const std::byte*>(&one), 1);
      }
      worker.advance();
      trace += fmt::format("{} {} {}\n", platform.now(), worker.id(), worker.clock());
    }
  }

  [[nodiscard]] Clock bound_of_model() const { return model == Consistency::kBsp ? 0 : staleness; }

  void check(const WorkerContext& worker, WorkerId other, float count, Clock bound) {
    const auto seen = static_cast<Clock>(count);
    const Clock clock = worker.clock();
    const Clock lead = tunes ? kTunedStalenessMost : bound_of_model();
    bool fine = model == Consistency::kAsp || (seen >= clock - bound && seen <= clock + lead + 1);
    if (model == Consistency::kBsp && other != worker.id()) fine = seen == clock;
    if (other == worker.id()) fine = seen == clock;
    if (!tunes && model != Consistency::kAsp && bound > bound_of_model()) fine = false;
    if (!fine) problems.push_back(fmt::format("worker {} at {} saw {} of {}", worker.id(), clock, seen, other));
  }
};

/// A cluster where much goes wrong.
SimSpec rough_spec() {
  SimSpec spec = plain_spec(5, 3);
  spec.servers = 2;
  spec.shards = 2;
  spec.network.loss = 0.02;
  spec.network.rack_nodes = 3;
  spec.network.oversubscription = 4;
  spec.network.partitions.push_back({.nodes = {1, 6}, .begin = 30 * kMs, .end = 900 * kMs});
  spec.compute = {.distribution = ComputeSpec::Distribution::kExponential, .mean_ns = 5e6, .profile_ns = {}};
  spec.stragglers.push_back({.kind = StragglerSpec::Kind::kSlowNode, .nodes = {2}, .factor = 3});
  return spec;
}

TEST(VirtualClusterTest, KeepsTheGuaranteeWhateverGoesWrong) {
  for (const Consistency model : {Consistency::kBsp, Consistency::kSsp, Consistency::kEssp, Consistency::kAsp}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      SimSpec spec = rough_spec();
      spec.seed = seed;
      CountingJob job{.model = model};
      const SimResult result = job.run(spec);
      EXPECT_THAT(job.problems, ::testing::IsEmpty()) << to_string(model) << ", seed " << seed;
      EXPECT_GT(result.lost, 0U);
    }
  }
}

TEST(VirtualClusterTest, KeepsTheGuaranteeWhileStalenessChanges) {
  for (const Consistency model : {Consistency::kSsp, Consistency::kEssp}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      SimSpec spec = rough_spec();
      spec.seed = seed;
      CountingJob job{.model = model, .staleness = kTunedStalenessStart, .tunes = true, .clocks = 150};
      job.run(spec);
      EXPECT_THAT(job.problems, ::testing::IsEmpty()) << to_string(model) << ", seed " << seed;
      EXPECT_GT(job.stalenesses.size(), kTunedStalenessStart + 1U) << "it was raised now and then";
    }
  }
}

TEST(VirtualClusterTest, TunesStalenessToWhatStragglersAskFor) {
  const auto ends_at = [](StragglerSpec straggler) {
    SimSpec spec = plain_spec(6, 1);
    spec.network.path.latency = kMs / 10;
    spec.stragglers.push_back(std::move(straggler));
    CountingJob job{
        .model = Consistency::kEssp, .staleness = kTunedStalenessStart, .tunes = true, .clocks = 400, .rows = 2};
    job.run(spec);
    return job.last_staleness;
  };
  EXPECT_GT(ends_at({.kind = StragglerSpec::Kind::kPauses, .nodes = {}, .every = 1000 * kMs, .lasting = 150 * kMs}),
            kTunedStalenessStart);
  EXPECT_LT(ends_at({.kind = StragglerSpec::Kind::kSlowNode, .nodes = {2}, .factor = 3}), kTunedStalenessStart);
}

TEST(VirtualClusterTest, TheSameSeedGivesTheSameRun) {
  CountingJob first;
  CountingJob again;
  CountingJob other;
  SimSpec spec = rough_spec();
  const SimResult result = first.run(spec);
  EXPECT_EQ(again.run(spec).time, result.time);
  EXPECT_EQ(again.trace, first.trace);
  spec.seed = 99;
  other.run(spec);
  EXPECT_NE(other.trace, first.trace);
}

TEST(VirtualClusterTest, AClockTakesComputingAndTwoWays) {
  // bsp: to the shard with the update, and back with the answer to the read.
  CountingJob job{.model = Consistency::kBsp, .clocks = 20, .rows = 1};
  const SimResult result = job.run(plain_spec(2, 1));
  const double clock_ms = static_cast<double>(result.time) / 20 / kMs;
  EXPECT_GT(clock_ms, 12);
  EXPECT_LT(clock_ms, 13);
}

TEST(VirtualClusterTest, ASlowNodeSlowsTheOthersByStaleness) {
  SimSpec spec = plain_spec(3, 1);
  spec.stragglers.push_back({.kind = StragglerSpec::Kind::kSlowNode, .nodes = {1}, .factor = 5});
  CountingJob job{.staleness = 3, .clocks = 20};
  const SimResult result = job.run(spec);
  EXPECT_NEAR(static_cast<double>(result.time) / kMs, 20 * 50, 60);
  EXPECT_THAT(job.problems, ::testing::IsEmpty());
  // When the slow one ends a clock, the others have read what they may and computed upon it.
  std::istringstream trace(job.trace);
  std::vector<Clock> clocks(3);
  TimeNs at = 0;
  std::size_t worker = 0;
  for (Clock clock = 0; trace >> at >> worker >> clock; clocks[worker] = clock) {
    if (worker != 1 || clock < 5 || clock > 15) continue;
    EXPECT_THAT(clocks, ElementsAre(clock - 1 + job.staleness + 1, clock - 1, clock - 1 + job.staleness + 1));
  }
  EXPECT_THAT(clocks, ::testing::Each(20));
}

TEST(VirtualClusterTest, APausedNodesShardsAnswerAfterThePause) {
  SimSpec spec = plain_spec(1, 1);
  spec.servers = 1;
  spec.compute.mean_ns = 0;
  spec.stragglers.push_back(
      {.kind = StragglerSpec::Kind::kPauses, .nodes = {1}, .every = 100 * kMs, .lasting = 50 * kMs});
  NodePace pace(spec);
  int waited = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kBsp, 0), platform);
    if (!process.is_server()) {
      runtime::TableHandle& table = process.create_table("rows", kFloats, {.width = kFloats.width});
      process.run_workers([&](WorkerContext& worker) {
        for (RowId row = 0; row < 200; ++row) {
          const TimeNs asked = platform.now();
          table.get(worker, row);
          const TimeNs goes_at = pace.goes_at(1, asked + kMs);
          EXPECT_GE(platform.now(), goes_at + kMs) << "row " << row;
          waited += goes_at > asked + kMs ? 1 : 0;
        }
      });
    }
    process.leave();
  });
  EXPECT_GT(waited, 2);
}

TEST(VirtualClusterTest, WhatAPausedNodeHasToSendWaitsForTheEndOfThePause) {
  SimSpec spec = plain_spec(2, 1);
  spec.network.path.bytes_per_s = 1e6;
  spec.stragglers.push_back(
      {.kind = StragglerSpec::Kind::kPauses, .nodes = {0}, .every = 1000 * kMs, .lasting = 500 * kMs});
  NodePace pace(spec);
  TimeNs sent = 0;
  TimeNs arrived = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    runtime::ChannelHandle& channel = process.create_channel("bytes", {});
    process.run_workers([&](WorkerContext& worker) {
      const std::vector<std::byte> bytes(1'000'000);
      if (worker.id() == 0) {
        sent = platform.now();
        return channel.send(worker, 1, 0, bytes);
      }
      channel.receive(worker, 0, {});
      arrived = platform.now();
    });
    process.leave();
  });
  // In chunks of 33 ms; one that has begun passes.
  const TimeNs wire = 1'062 * kMs;
  const TimeNs paused = pace.stretched(0, sent, static_cast<double>(wire)) - wire;
  EXPECT_GT(paused, 400 * kMs);
  EXPECT_NEAR(static_cast<double>(arrived - sent - wire) / kMs, static_cast<double>(paused) / kMs, 80);
}

TEST(VirtualClusterTest, ALongMessageTakesTheTimeOfItsBytes) {
  SimSpec spec = plain_spec(2, 1);
  spec.network.path.bytes_per_s = 1e6;
  TimeNs arrived = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    runtime::ChannelHandle& channel = process.create_channel("bytes", {});
    process.run_workers([&](WorkerContext& worker) {
      const std::vector<std::byte> bytes(1'000'000);
      if (worker.id() == 0) return channel.send(worker, 1, 0, bytes);
      const TimeNs begin = platform.now();
      channel.receive(worker, 0, {});
      arrived = platform.now() - begin;
    });
    process.leave();
  });
  // A second for the bytes, and 90 bytes for each of 691 packets.
  EXPECT_NEAR(static_cast<double>(arrived) / 1e9, 1.062 + 0.001, 0.005);
}

TEST(VirtualClusterTest, APartitionStopsWhatIsOnItsWay) {
  SimSpec spec = plain_spec(2, 1);
  spec.network.path.bytes_per_s = 1e6;
  spec.network.partitions.push_back({.nodes = {1}, .begin = 500 * kMs, .end = 3000 * kMs});
  TimeNs arrived = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    runtime::ChannelHandle& channel = process.create_channel("bytes", {});
    process.run_workers([&](WorkerContext& worker) {
      const std::vector<std::byte> bytes(1'000'000);  // which takes a second
      if (worker.id() == 0) return channel.send(worker, 1, 0, bytes);
      channel.receive(worker, 0, {});
      arrived = platform.now();
    });
    process.leave();
  });
  EXPECT_GT(arrived, 3000 * kMs);
}

TEST(VirtualClusterTest, ASlowNetworkIsNotFilledWithRepeats) {
  SimSpec spec = plain_spec(3, 1);
  spec.network.path.bytes_per_s = 1.25e6;  // a frame to each of two peers takes 1.7 s
  constexpr int kMessages = 12;
  const std::vector<std::byte> bytes(limits::kBlockBytes);
  const SimResult result = run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    runtime::ChannelHandle& channel = process.create_channel("bytes", {.capacity = kMessages});
    process.run_workers([&](WorkerContext& worker) {
      const WorkerId others[] = {(worker.id() + 1) % 3, (worker.id() + 2) % 3};
      for (int i = 0; i < kMessages; ++i) {
        for (const WorkerId other : others) channel.send(worker, other, 0, bytes);
      }
      for (int i = 0; i < 2 * kMessages; ++i) channel.receive(worker, 0, {});
    });
    process.leave();
  });
  const double least = 3.0 * 2 * kMessages * static_cast<double>(bytes.size());
  EXPECT_LT(static_cast<double>(result.bytes), 1.25 * least);
  EXPECT_LT(static_cast<double>(result.time) / 1e9, 1.5 * least / 3 / spec.network.path.bytes_per_s);
}

TEST(VirtualClusterTest, AWorkerThatWaitsForMemoryGoesOnWhenTheOneBehindWaitsToo) {
  const SimSpec spec = plain_spec(1, 2);
  constexpr wire::RowShape kWide{.kind = RowKind::kDense, .element = ElementType::kFloat, .width = 16 << 20};
  const auto versions = static_cast<Clock>(limits::kRetiredBytesMax / kWide.row_bytes() + 2);
  bool barrier_passed = false;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kAsp, 0), platform);
    runtime::TableHandle& table = process.create_table("wide", kWide, {.width = kWide.width});
    process.run_workers([&](WorkerContext& worker) {
      const Column first[] = {0};
      const float one = 1;
      if (worker.id() == 1) platform.rest(1000 * kMs);  // computes meanwhile
      for (Clock clock = 0; worker.id() == 0 && clock < versions; ++clock) {
        table.get(worker, 0);
        table.inc_columns(worker, 0, first, reinterpret_cast<const std::byte*>(&one), 1);
        worker.advance();
      }
      worker.barrier();
      barrier_passed = true;
    });
    process.leave();
  });
  EXPECT_TRUE(barrier_passed);
}

TEST(VirtualClusterTest, ACrashedNodeEndsTheJobWithItsName) {
  SimSpec spec = plain_spec(3, 1);
  spec.crashes.push_back({.node = 2, .at = 55 * kMs});
  CountingJob job;
  try {
    job.run(spec);
    FAIL() << "the job ended well";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kPeerLost);
    EXPECT_THAT(error.what(), HasSubstr("rank 2 (node 2) crashed"));
  }
}

TEST(VirtualClusterTest, ACrashOfTheOnlyNodeIsAnError) {
  SimSpec spec = plain_spec(1, 2);
  spec.crashes.push_back({.node = 0, .at = 55 * kMs});
  CountingJob job;
  try {
    job.run(spec);
    FAIL() << "the job ended well";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("all nodes have crashed"));
  }
}

TEST(VirtualClusterTest, AnErrorOfOneNodeEndsTheJobAsTheSameError) {
  const SimSpec spec = plain_spec(3, 1);
  int told = 0;
  const auto main = [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    try {
      runtime::ChannelHandle& channel = process.create_channel("silent", {});
      process.run_workers([&](WorkerContext& worker) {
        if (worker.id() == 1) throw Error(ErrorKind::kData, "ratings.txt:3: not a number");
        channel.receive(worker, 0, {});
      });
    } catch (const Error& error) {
      told += error.kind() == ErrorKind::kData ? 1 : 0;
      process.abort(error);
      throw;
    }
  };
  EXPECT_THROW(run_cluster(spec, main), Error);
  EXPECT_EQ(told, 3);
}

TEST(VirtualClusterTest, AnErrorBeforeOthersHaveJoinedIsToldToThemToo) {
  SimSpec spec = plain_spec(3, 1);
  spec.time_limit = 10'000 * kMs;
  int told = 0;
  const auto main = [&](Rank rank, runtime::Platform& platform) {
    if (rank == 0) throw Error(ErrorKind::kData, "ratings.txt: cannot be read");
    try {
      Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
      process.create_table("counts", kFloats, {.width = kFloats.width});
    } catch (const Error& error) {
      told += error.kind() == ErrorKind::kData ? 1 : 0;
      throw;
    }
  };
  try {
    run_cluster(spec, main);
    FAIL() << "the job ended well";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "ratings.txt: cannot be read");
  }
  EXPECT_EQ(told, 2);
}

TEST(VirtualClusterTest, SaysWhenNobodyCanGoOn) {
  const SimSpec spec = plain_spec(2, 1);
  const auto main = [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(spec, rank, Consistency::kEssp, 0), platform);
    runtime::ChannelHandle& channel = process.create_channel("silent", {});
    process.run_workers([&](WorkerContext& worker) { channel.receive(worker, 0, {}); });
  };
  try {
    run_cluster(spec, main);
    FAIL() << "the job ended well";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
    EXPECT_THAT(error.what(), HasSubstr("nothing is under way"));
  }
}

TEST(VirtualClusterTest, EndsAtItsTimeLimit) {
  SimSpec spec = plain_spec(2, 2);
  spec.time_limit = 40 * kMs;
  CountingJob job;
  try {
    job.run(spec);
    FAIL() << "the job ended well";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("time_limit_s has passed"));
  }
}

}  // namespace
}  // namespace bosen::sim
