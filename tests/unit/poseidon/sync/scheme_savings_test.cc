#include "poseidon/sync/scheme_savings.h"

#include <gmock/gmock.h>

#include <vector>

namespace poseidon {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr double kError = 1e-9;

/// Two layers that compute for 4 s in all, and learn.
const std::vector<LayerCost> kNet{{.forward_s = 1, .backward_s = 1}, {.forward_s = 1, .backward_s = 1}};

std::vector<double> saved(double bytes_per_second, const std::vector<SchemeAlternatives>& layers) {
  return seconds_saved({.bytes_per_second = bytes_per_second}, kNet, layers);
}

TEST(SchemeSavingsTest, IsTheWorkOverAFastNetwork) {
  const std::vector<SchemeAlternatives> layers{
      {.layer = 0,
       .cost = {.bytes = 10, .send_s = 1, .combine_s = 2},
       .other = SchemeCost{.bytes = 90, .combine_s = 1}},
      {.layer = 1, .cost = {.bytes = 10}, .other = SchemeCost{.bytes = 90, .combine_s = 0.5}}};
  EXPECT_NEAR(iteration_seconds({.bytes_per_second = 1e15}, kNet, layers), 7, kError);
  EXPECT_THAT(saved(1e15, layers), ElementsAre(DoubleNear(2, kError), DoubleNear(-0.5, kError)));
}

TEST(SchemeSavingsTest, IsTheBytesOverASlowNetwork) {
  const std::vector<SchemeAlternatives> layers{
      {.layer = 0, .cost = {.bytes = 10, .combine_s = 1}, .other = SchemeCost{.bytes = 90}},
      {.layer = 1, .cost = {.bytes = 10}, .other = SchemeCost{.bytes = 5}}};
  // Layer 0's work is done while layer 1's bytes travel, so doing without it saves nothing.
  EXPECT_THAT(saved(1, layers), ElementsAre(DoubleNear(-80, kError), DoubleNear(5, kError)));
}

TEST(SchemeSavingsTest, CountsOnlyBytesThatAreWaitedFor) {
  // Layer 1's travel while layer 0 computes; layer 0's are waited for.
  const SchemeCost few{.bytes = 1, .combine_s = 0.5};
  const SchemeCost many{.bytes = 9};
  const std::vector<SchemeAlternatives> layers{{.layer = 0, .cost = few, .other = many},
                                               {.layer = 1, .cost = few, .other = many}};
  EXPECT_THAT(saved(10, layers), ElementsAre(DoubleNear(0.5 - 0.8, kError), DoubleNear(0.5, kError)));
}

TEST(SchemeSavingsTest, IsNothingForALayerWithoutAnotherScheme) {
  EXPECT_THAT(saved(1, {{.layer = 0, .cost = {.bytes = 1, .combine_s = 100}, .other = {}}}), ElementsAre(0));
}

}  // namespace
}  // namespace poseidon
