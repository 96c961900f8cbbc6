// How fast gradients become fewer bits and floats again, and the updates of a row on a shard, in elements a second; a
// copy of floats beside it.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "poseidon/sync/coded_sum.h"
#include "poseidon/sync/gradient_codec.h"

namespace poseidon {
namespace {

constexpr std::int64_t kRow = 1 << 18;  // the largest of a layer

std::vector<float> gradients() {
  std::minstd_rand dice(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(kRow);
  for (float& value : values) value = normal(dice);
  return values;
}

void count_elements(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * kRow); }

void floor_copy(benchmark::State& state) {
  const std::vector<float> values = gradients();
  std::vector<float> copy(values.size());
  for (auto _ : state) {
    std::copy(values.begin(), values.end(), copy.begin());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  count_elements(state);
}
BENCHMARK(floor_copy);

void encode_row(benchmark::State& state, Codec codec) {
  const std::vector<float> values = gradients();
  std::vector<float> lost(values.size());
  std::vector<std::int32_t> words(static_cast<std::size_t>(coded_words(codec, kRow)));
  for (auto _ : state) {
    encode(codec, values, words, lost);
    benchmark::ClobberMemory();
  }
  count_elements(state);
}
BENCHMARK_CAPTURE(encode_row, bf16, Codec::kBf16);
BENCHMARK_CAPTURE(encode_row, 4bit, Codec::kFourBit);
BENCHMARK_CAPTURE(encode_row, 1bit, Codec::kOneBit);

void decode_row(benchmark::State& state, Codec codec) {
  std::vector<float> values = gradients();
  std::vector<std::int32_t> words(static_cast<std::size_t>(coded_words(codec, kRow)));
  encode(codec, values, words, values);
  for (auto _ : state) {
    decode(codec, words, values);
    benchmark::ClobberMemory();
  }
  count_elements(state);
}
BENCHMARK_CAPTURE(decode_row, bf16, Codec::kBf16);
BENCHMARK_CAPTURE(decode_row, 4bit, Codec::kFourBit);
BENCHMARK_CAPTURE(decode_row, 1bit, Codec::kOneBit);

/// By one update of two in a clock.
void sum_rows(benchmark::State& state, Codec codec) {
  const std::unique_ptr<bosen::Updater<std::int32_t>> updater = make_coded_sum(codec);
  std::vector<float> values = gradients();
  std::vector<std::int32_t> update(static_cast<std::size_t>(coded_words(codec, kRow)));
  encode(codec, values, update, values);
  std::vector<std::int32_t> row(update.size());
  std::vector<std::int32_t> memory(update.size() * updater->state_per_element());
  std::int64_t step = 0;
  for (auto _ : state) {
    updater->apply({.values = row,
                    .update = update,
                    .state = memory,
                    .step = step,
                    .first_of_clock = step % 2 == 0,
                    .workers = 2});
    ++step;
  }
  count_elements(state);
}
BENCHMARK_CAPTURE(sum_rows, bf16, Codec::kBf16);
BENCHMARK_CAPTURE(sum_rows, 4bit, Codec::kFourBit);
BENCHMARK_CAPTURE(sum_rows, 1bit, Codec::kOneBit);

}  // namespace
}  // namespace poseidon
