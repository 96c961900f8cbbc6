// A server under asp whose link takes less than changes.

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "bosen/runtime/process.h"
#include "bosen/sim/sim_cluster.h"

namespace bosen::sim {
namespace {

constexpr TimeNs kMs = 1'000'000;

// Three workers write far more than their server can tell the fourth, which has a clock every 10 ms until all is
// written, and then none.
TEST(AspPush, AServerMergesWhatALinkHasNoRoomForAndTheLastOfItArrives) {
  constexpr Clock kClocks = 25;
  constexpr RowId kRows = 16;
  constexpr WorkerId kReader = 3;
  const wire::RowShape shape{.kind = RowKind::kDense, .element = ElementType::kFloat, .width = 1 << 16};
  SimSpec spec;
  spec.nodes = kReader + 1;
  spec.servers = 1;
  spec.network.path = {.bytes_per_s = 1e9, .latency = kMs};
  spec.compute.mean_ns = 10e6;
  spec.network.links.push_back({.from = spec.nodes, .to = kReader, .path = {.bytes_per_s = 2.5e6, .latency = kMs}});
  const std::vector<float> ones(static_cast<std::size_t>(shape.width), 1);
  std::int64_t pushed_bytes = 0;
  run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    runtime::ProcessSpec own;
    own.options.consistency = Consistency::kAsp;
    own.job.rank = rank;
    own.job.size = spec.processes();
    own.job.servers = spec.servers;
    runtime::Process process(std::move(own), platform);
    if (!process.is_server()) {
      runtime::TableHandle& table = process.create_table("rows", shape, {.width = shape.width});
      const auto write = [&](runtime::WorkerContext& worker) {
        platform.rest(8000 * kMs);  // until the reader has its first copies
        while (worker.clock() < kClocks) {
          for (RowId row = 0; row < kRows; ++row) {
            table.inc_row(worker, worker.id() * kRows + row, reinterpret_cast<const std::byte*>(ones.data()),
                          ones.size());
          }
          worker.advance();
        }
      };
      const auto sees_all = [&](runtime::WorkerContext& worker) {
        bool all = true;
        for (RowId row = 0; row < kReader * kRows; ++row) {
          all = reinterpret_cast<const float*>(table.get(worker, row))[0] == static_cast<float>(kClocks) && all;
        }
        return all;
      };
      process.run_workers([&](runtime::WorkerContext& worker) {
        if (worker.id() != kReader) return write(worker);
        while (!sees_all(worker) && platform.now() < 9000 * kMs) worker.advance();
        EXPECT_FALSE(sees_all(worker));
        for (int tries = 0; tries < 1000 && !sees_all(worker); ++tries) platform.rest(100 * kMs);
        EXPECT_TRUE(sees_all(worker)) << "though no clock of its own asks for it";
        pushed_bytes = process.table_traffic(0).bytes_received;
      });
    }
    process.leave();
  });
  const auto written = static_cast<std::int64_t>(kReader * kRows * kClocks * shape.row_bytes());
  EXPECT_LT(pushed_bytes, written / 2);
}

}  // namespace
}  // namespace bosen::sim
