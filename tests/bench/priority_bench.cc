// What it gives that lower layers go first, in virtual time: VGG19 by wait-free backprop on simulated nodes that take
// 75 ms to compute an iteration. The time that is printed is an iteration's.

#include <benchmark/benchmark.h>

#include "tests/support/simulated_training.h"

namespace bosen::bench {
namespace {

void bm_iteration(benchmark::State& state) {
  const testing::SimulatedTraining::Options options{.nodes = static_cast<int>(state.range(0)),
                                                    .gigabits_per_s = static_cast<double>(state.range(1)),
                                                    .prioritised = state.range(2) != 0,
                                                    .iterations = 8};
  for (auto _ : state) {
    state.SetIterationTime(testing::SimulatedTraining(testing::vgg19(75), options).run() / 1e3);
  }
}

BENCHMARK(bm_iteration)
    ->Name("iteration")
    ->ArgNames({"nodes", "gbps", "priorities"})
    ->ArgsProduct({{2, 4, 8, 16}, {1, 5, 10, 20, 40}, {0, 1}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bosen::bench
