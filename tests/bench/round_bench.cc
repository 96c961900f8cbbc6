// Whole rounds of table work (tests/bench/rounds.h) beside what bounds them on this machine, in one run: copying
// memory, and raw ZeroMQ between two processes.

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "tests/bench/raw_zmq.h"
#include "tests/bench/rounds.h"

namespace {

using bosen::bench::RoundOptions;

/// One iteration is all rounds of a job of its own; time is that of its slowest worker.
void measure(benchmark::State& state, RoundOptions options) {
  options.rounds = static_cast<int>(state.range(0));
  double seconds = 0;
  for (auto _ : state) {
    seconds = bosen::bench::measure_rounds(options);
    state.SetIterationTime(seconds);
  }
  state.counters["rounds/s"] = options.rounds / seconds;
  state.counters["GB/s"] = options.rounds / seconds * options.bytes() / 1e9;
}

void round_embedded(benchmark::State& state) { measure(state, {}); }
void round_two_workers(benchmark::State& state) { measure(state, {.workers = 2}); }
void round_two_processes_tcp(benchmark::State& state) { measure(state, {.processes = 2}); }
void round_two_processes_ipc(benchmark::State& state) { measure(state, {.processes = 2, .transport = "ipc"}); }
void round_two_processes_shm(benchmark::State& state) { measure(state, {.processes = 2, .transport = "shm"}); }
void small_round_embedded(benchmark::State& state) { measure(state, {.rows = 10, .columns = 100}); }
void small_round_two_processes_tcp(benchmark::State& state) {
  measure(state, {.rows = 10, .columns = 100, .processes = 2});
}
void small_round_two_processes_shm(benchmark::State& state) {
  measure(state, {.rows = 10, .columns = 100, .processes = 2, .transport = "shm"});
}
BENCHMARK(round_embedded)->Arg(1000)->UseManualTime()->Iterations(3);
BENCHMARK(round_two_workers)->Arg(1000)->UseManualTime()->Iterations(3);
BENCHMARK(round_two_processes_tcp)->Arg(300)->UseManualTime()->Iterations(3);
BENCHMARK(round_two_processes_ipc)->Arg(300)->UseManualTime()->Iterations(3);
BENCHMARK(round_two_processes_shm)->Arg(300)->UseManualTime()->Iterations(3);
BENCHMARK(small_round_embedded)->Arg(20'000)->UseManualTime()->Iterations(3);
BENCHMARK(small_round_two_processes_tcp)->Arg(5'000)->UseManualTime()->Iterations(3);
BENCHMARK(small_round_two_processes_shm)->Arg(5'000)->UseManualTime()->Iterations(3);

void floor_memcpy(benchmark::State& state) {
  const std::vector<char> from(static_cast<std::size_t>(state.range(0)), 1);
  std::vector<char> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(floor_memcpy)->Arg(4'000'000)->Arg(std::int64_t{64} << 20);

void floor_raw_zmq_tcp(benchmark::State& state) {
  constexpr std::size_t kMegabyte = std::size_t{1} << 20;
  double bytes_per_s = 0;
  for (auto _ : state)
    bytes_per_s = bosen::bench::raw_one_way("tcp", kMegabyte, 1000, bosen::bench::Copies::kBothSides);
  state.counters["GB/s"] = bytes_per_s / 1e9;
}
BENCHMARK(floor_raw_zmq_tcp)->Iterations(3);

void floor_raw_zmq_round_trip(benchmark::State& state) {
  double seconds = 0;
  for (auto _ : state) seconds = bosen::bench::raw_round_trip("tcp", 5'000);
  state.counters["us"] = seconds * 1e6;
}
BENCHMARK(floor_raw_zmq_round_trip)->Iterations(3);

void start_to_first_clock(benchmark::State& state) {
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    bosen::bench::measure_rounds({.rows = 1, .columns = 1, .rounds = 1, .warm_up = 0, .processes = 2});
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
}
BENCHMARK(start_to_first_clock)->UseManualTime()->Iterations(10);

}  // namespace
