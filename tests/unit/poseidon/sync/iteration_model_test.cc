#include "poseidon/sync/iteration_model.h"

#include <gtest/gtest.h>

#include <vector>

namespace poseidon {
namespace {

// Layer 0 is the first of forward, so the last of backward.
const std::vector<LayerCost> kTwoLayers{
    {.forward_s = 1, .backward_s = 2, .send_s = 0.5, .combine_s = 0.25, .bytes = 10},
    {.forward_s = 3, .backward_s = 4, .send_s = 1, .combine_s = 0.75, .bytes = 100}};

double seconds(const IterationModel& model) { return model.seconds(kTwoLayers); }

TEST(IterationModelTest, OfAFastNetworkIsWhatTheWorkerDoes) {
  EXPECT_NEAR(seconds({.bytes_per_second = 1e12}), 12.5, 1e-6);
}

TEST(IterationModelTest, HidesTheNetworkBehindBackward) {
  // Layer 1 is on its way from 5 to 7, while layer 0 computes to 7 and sends to 7.5; that arrives at 7.7.
  EXPECT_NEAR(seconds({.bytes_per_second = 50}), 7.7 + 0.25 + 1 + 0.75 + 3, 1e-9);
}

TEST(IterationModelTest, HidesTheNetworkBehindForward) {
  // Layer 1 would occupy the network from 5 to 25; layer 0 overtakes it from 7.5 to 9.5 and computes to 10.75.
  EXPECT_NEAR(seconds({.bytes_per_second = 5}), 27 + 0.75 + 3, 1e-9);
}

TEST(IterationModelTest, WithoutOverlapAddsItAllUp) {
  // 6 of backward, 1 of sending layer 1; that arrives at 9, layer 0 (sent at 7.5) at 9.2.
  EXPECT_NEAR(seconds({.bytes_per_second = 50, .overlap = false}), 9.2 + 0.25 + 1 + 0.75 + 3, 1e-9);
}

TEST(IterationModelTest, WaitsForAllWhereAllAreNeededFirst) {
  const std::vector<LayerCost> layers{
      {.forward_s = 1, .backward_s = 1, .bytes = 1}, {.forward_s = 1, .backward_s = 1}, {.bytes = 9}};
  // The last layer leaves first, and is overtaken from 2 to 3.
  EXPECT_NEAR(IterationModel{.bytes_per_second = 1}.seconds(layers), 10, 1e-9);
  EXPECT_NEAR((IterationModel{.bytes_per_second = 1, .waits_for_all = true}.seconds(layers)), 12, 1e-9);
  const std::vector<LayerCost> turned{
      {.bytes = 9}, {.forward_s = 1, .backward_s = 1}, {.forward_s = 5, .backward_s = 1, .bytes = 1}};
  EXPECT_NEAR(IterationModel{.bytes_per_second = 1}.seconds(turned), 17, 1e-9);
  const std::vector<LayerCost> later{{.forward_s = 5}, {.forward_s = 1, .bytes = 10}};
  EXPECT_NEAR(IterationModel{.bytes_per_second = 1}.seconds(later), 10 + 1, 1e-9);
  EXPECT_NEAR((IterationModel{.bytes_per_second = 1, .waits_for_all = true}.seconds(later)), 10 + 5 + 1, 1e-9);
}

TEST(IterationModelTest, LetsAHostSendWhileItsDeviceComputes) {
  // Layer 1 is sent from 4 to 5, while layer 0 computes to 6; that is sent until 6.5 and arrives at once.
  EXPECT_NEAR(seconds({.bytes_per_second = 1e12, .sends_beside = true}), 6.5 + 0.25 + 1 + 0.75 + 3, 1e-6);
}

}  // namespace
}  // namespace poseidon
