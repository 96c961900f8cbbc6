#include "poseidon/sync/cost_model.h"

#include <gtest/gtest.h>

namespace poseidon {
namespace {

constexpr double kMillionFloats = 4e6;

LayerSize fully_connected(std::int64_t inputs, std::int64_t outputs, std::int64_t batch) {
  return {.parameters = inputs * outputs, .factor_inputs = inputs, .factor_outputs = outputs, .batch = batch};
}

// Millions of floats of a node that is worker and shard: Zhang et al., USENIX ATC'17, table 1, with P1 = P2.
TEST(CostModelTest, AgreesWithThePublishedFormulas) {
  const Party eight{.processes = 8};
  EXPECT_NEAR(double(ps_bytes(fully_connected(4096, 4096, 32), eight)) / kMillionFloats, 58.7, 0.05);
  EXPECT_NEAR(double(*sfb_bytes(fully_connected(4096, 4096, 32), eight)) / kMillionFloats, 3.67, 0.005);
  EXPECT_NEAR(double(ps_bytes(fully_connected(25088, 4096, 32), eight)) / kMillionFloats, 360, 0.5);
  EXPECT_NEAR(double(*sfb_bytes(fully_connected(25088, 4096, 32), eight)) / kMillionFloats, 13.1, 0.05);
  EXPECT_NEAR(double(ps_bytes(fully_connected(1024, 1000, 128), eight)) / kMillionFloats, 3.58, 0.005);
  EXPECT_NEAR(double(*sfb_bytes(fully_connected(1024, 1000, 128), eight)) / kMillionFloats, 3.63, 0.005);
}

TEST(CostModelTest, SendsNoFactorsThatNoMessageCarries) {
  const Party two{.processes = 2};
  EXPECT_EQ(choose(Scheme::kSfb, fully_connected(32768, 32768, 1024), two), Scheme::kSfb);
  EXPECT_EQ(choose(Scheme::kSfb, fully_connected(32768, 32768, 1025), two), Scheme::kPs);
}

TEST(CostModelTest, TakesTheCheaperScheme) {
  const Party eight{.processes = 8};
  EXPECT_EQ(choose(Scheme::kAuto, fully_connected(4096, 4096, 32), eight), Scheme::kSfb);
  EXPECT_EQ(choose(Scheme::kAuto, fully_connected(1024, 1000, 128), eight), Scheme::kPs);
  EXPECT_EQ(choose(Scheme::kAuto, {.parameters = 1'000'000}, eight), Scheme::kPs);
}

// P K <= 2 M N / (M + N) is where the two cost the same, M = N = 4096: P K = 4096.
TEST(CostModelTest, ChangesItsMindWhereBothCostTheSame) {
  EXPECT_EQ(choose(Scheme::kAuto, fully_connected(4096, 4096, 511), {.processes = 8}), Scheme::kSfb);
  EXPECT_EQ(choose(Scheme::kAuto, fully_connected(4096, 4096, 513), {.processes = 8}), Scheme::kPs);
}

TEST(CostModelTest, ObeysAForcedSchemeWhereItIsPossible) {
  const Party two{.processes = 2};
  EXPECT_EQ(choose(Scheme::kPs, fully_connected(4096, 4096, 1), two), Scheme::kPs);
  EXPECT_EQ(choose(Scheme::kSfb, fully_connected(8, 8, 1000), two), Scheme::kSfb);
  EXPECT_EQ(choose(Scheme::kSfb, {.parameters = 100}, two), Scheme::kPs);
  EXPECT_EQ(choose(Scheme::kSfb, fully_connected(8, 8, 1000), {.processes = 1}), Scheme::kNone);
}

TEST(CostModelTest, CountsEveryWorkerOfAProcess) {
  const LayerSize layer = fully_connected(100, 10, 4);
  // One gradient of both workers and one sum, each way, between two processes that have half of the shards each.
  EXPECT_EQ(ps_bytes(layer, {.processes = 2, .workers_per_process = 2}), 4000 / 2 * 2 * 2);
  // Two updates and one sum.
  EXPECT_EQ(ps_bytes(layer, {.processes = 2, .workers_per_process = 2, .adds_up = false}), 4000 / 2 * 2 * 3);
  // Two workers send to two elsewhere and hear from them.
  EXPECT_EQ(*sfb_bytes(layer, {.processes = 2, .workers_per_process = 2}), 2 * 2 * 2 * 4 * 110 * 4);
  EXPECT_EQ(ps_bytes(layer, {.processes = 4, .dedicated_servers = true}), 2 * 4000);
}

TEST(CostModelTest, CountsWhatACodecLeaves) {
  const Party four{.processes = 4};
  LayerSize layer = fully_connected(4096, 4096, 32);
  const double ps = static_cast<double>(ps_bytes(layer, four));
  const double sfb = static_cast<double>(*sfb_bytes(layer, four));
  layer.codec = Codec::kBf16;
  EXPECT_DOUBLE_EQ(static_cast<double>(ps_bytes(layer, four)), ps / 2);
  EXPECT_DOUBLE_EQ(static_cast<double>(*sfb_bytes(layer, four)), sfb / 2);
  layer.codec = Codec::kFourBit;
  EXPECT_DOUBLE_EQ(static_cast<double>(ps_bytes(layer, four)), ps * 33 / 256);
  layer.codec = Codec::kOneBit;
  EXPECT_NEAR(static_cast<double>(ps_bytes(layer, four)), ps * 9 / 256, ps * 1e-5);
  EXPECT_DOUBLE_EQ(static_cast<double>(*sfb_bytes(layer, four)), sfb / 2);
  // Then gradients are the smaller ones.
  layer.batch = 256;
  EXPECT_EQ(choose(Scheme::kAuto, layer, four), Scheme::kPs);
  layer.codec = Codec::kFp32;
  EXPECT_EQ(choose(Scheme::kAuto, layer, four), Scheme::kSfb);
}

TEST(CostModelTest, LeavesFloatsWhereACodecGivesNothing) {
  EXPECT_EQ(codec_for(Codec::kOneBit, 5000, {.processes = 2}), Codec::kOneBit);
  EXPECT_EQ(codec_for(Codec::kOneBit, 4095, {.processes = 2}), Codec::kFp32);
  EXPECT_EQ(codec_for(Codec::kBf16, 5000, {.workers_per_process = 4}), Codec::kFp32);
  EXPECT_EQ(codec_for(Codec::kBf16, 5000, {.workers_per_process = 4, .dedicated_servers = true}), Codec::kBf16);
}

}  // namespace
}  // namespace poseidon
