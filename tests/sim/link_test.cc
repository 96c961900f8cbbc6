// What jobs get from links over networks that are busy, far, or cut.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"
#include "bosen/sim/sim_cluster.h"

namespace bosen::sim {
namespace {

using runtime::Process;
using runtime::WorkerContext;

constexpr TimeNs kMs = 1'000'000;

SimSpec two_nodes(double bytes_per_s, TimeNs latency) {
  SimSpec spec;
  spec.nodes = 2;
  spec.network.path = {.bytes_per_s = bytes_per_s, .latency = latency};
  spec.network.frame_ns = 0;
  spec.network.byte_ns = 0;
  return spec;
}

runtime::ProcessSpec process_spec(Rank rank) {
  runtime::ProcessSpec process;
  process.options.consistency = Consistency::kAsp;
  process.job.rank = rank;
  process.job.size = 2;
  return process;
}

// Process 0 releases both at the same time, but process 1 behind rows that it has asked for.
TEST(LinkTest, WhoHasPassedABarrierDoesNotKeepTheOthersFromIt) {
  constexpr std::int64_t kWidth = limits::kBlockBytes / sizeof(float);
  constexpr wire::RowShape kShape{.kind = RowKind::kDense, .element = ElementType::kFloat, .width = kWidth};
  std::vector<RowId> rows(24);  // half of them on each shard
  std::iota(rows.begin(), rows.end(), 0);
  constexpr int kMessages = 36;
  TimeNs passed[2] = {};
  run_cluster(two_nodes(12.5e6, kMs), [&](Rank rank, runtime::Platform& platform) {
    Process process(process_spec(rank), platform);
    runtime::TableHandle& table = process.create_table("rows", kShape, {.width = kWidth});
    runtime::ChannelHandle& urgent = process.create_channel("urgent", {.priority = 1});  // so that windows are small
    runtime::ChannelHandle& bulk = process.create_channel("bulk", {.capacity = kMessages});
    process.run_workers([&](WorkerContext& worker) {
      if (worker.id() == 0) urgent.send(worker, 1, 0, std::vector<std::byte>(1));
      if (worker.id() == 1) {
        platform.rest(1000 * kMs - platform.now());
        table.prefetch(worker, rows);
      }
      worker.barrier();
      passed[worker.id()] = platform.now();
      const std::vector<std::byte> bytes(limits::kBlockBytes);
      for (int i = 0; i < kMessages && worker.id() == 0; ++i) bulk.send(worker, 1, 0, bytes);
    });
    process.leave();
  });
  EXPECT_LT(passed[0], 1100 * kMs);
  EXPECT_GT(passed[1], 1500 * kMs) << "its rows take a second";
  EXPECT_LT(passed[1], 3000 * kMs) << "what was sent later takes three more";
}

TEST(LinkTest, ASlowLinkFromOneNodeKeepsNobodyElsesFramesWaiting) {
  SimSpec spec = two_nodes(125e6, kMs / 20);
  spec.nodes = 3;
  spec.network.links.push_back({.from = 0, .to = 2, .path = {.bytes_per_s = 1e4, .latency = kMs / 20}});
  TimeNs slow_arrived = 0;
  TimeNs arrived = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    runtime::ProcessSpec own = process_spec(rank);
    own.job.size = spec.nodes;
    Process process(std::move(own), platform);
    runtime::ChannelHandle& channel = process.create_channel("bytes", {});
    process.run_workers([&](WorkerContext& worker) {
      if (worker.id() == 0) channel.send(worker, 2, 0, std::vector<std::byte>(10'000));
      if (worker.id() == 1) {
        platform.rest(100 * kMs - platform.now());
        channel.send(worker, 2, 0, std::vector<std::byte>(1));
      }
      if (worker.id() != 2) return;
      channel.receive(worker, 0, 1);
      arrived = platform.now();
      channel.receive(worker, 0, 0);
      slow_arrived = platform.now();
    });
    process.leave();
  });
  EXPECT_GT(slow_arrived, 1000 * kMs);
  EXPECT_GT(arrived, 100 * kMs);
  EXPECT_LT(arrived, 101 * kMs);
}

TEST(LinkTest, WhatACutHasLostIsSentAgainQuicklyHoweverLongTheWay) {
  constexpr int kMessages = 64;
  for (const TimeNs latency : {kMs / 20, 20 * kMs, 80 * kMs}) {
    SimSpec spec = two_nodes(125e6, latency);
    spec.network.partitions.push_back({.nodes = {1}, .begin = 2000 * kMs, .end = 3000 * kMs});
    const std::vector<std::byte> bytes(limits::kBlockBytes);
    TimeNs arrived = 0;
    run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
      Process process(process_spec(rank), platform);
      runtime::ChannelHandle& channel = process.create_channel("bytes", {.capacity = kMessages});
      process.run_workers([&](WorkerContext& worker) {
        if (worker.id() == 0) {
          platform.rest(1950 * kMs - platform.now());
          for (int i = 0; i < kMessages; ++i) channel.send(worker, 1, 0, bytes);
          return;
        }
        for (int i = 0; i < kMessages; ++i) channel.receive(worker, 0, {});
        arrived = platform.now();
      });
      process.leave();
    });
    // A time-out of 4 s, the bytes, and round trips in which what is sent again doubles from one block to all.
    EXPECT_GT(arrived, 6000 * kMs);
    EXPECT_LT(arrived, 7000 * kMs + 8 * 2 * latency) << "latency " << latency;
  }
}

}  // namespace
}  // namespace bosen::sim
