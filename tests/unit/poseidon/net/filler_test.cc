#include "poseidon/filler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace poseidon {
namespace {

std::vector<float> filled(const Filler& filler, const Shape& shape, std::uint64_t seed = 1,
                          const std::string& name = "conv1.weight") {
  std::vector<float> values(static_cast<std::size_t>(shape.count()));
  fill(filler, shape, seed, name, values);
  return values;
}

double mean_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value};
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<float>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const float value : values) sum += (double{value} - mean) * (double{value} - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

const Shape kWeight{100, 20, 5, 5};

TEST(FillerTest, FillsWithAConstant) {
  const std::vector<float> values = filled({.type = Filler::Type::kConstant, .value = 0.25}, {3});
  EXPECT_EQ(values, (std::vector<float>{0.25F, 0.25F, 0.25F}));
}

TEST(FillerTest, DrawsFromANormalDistribution) {
  const std::vector<float> values = filled({.type = Filler::Type::kGaussian, .mean = 1, .std = 0.5}, kWeight);
  EXPECT_NEAR(mean_of(values), 1, 0.01);
  EXPECT_NEAR(deviation_of(values), 0.5, 0.01);
  const auto beyond = std::count_if(values.begin(), values.end(), [](float v) { return std::abs(v - 1) > 1; });
  EXPECT_NEAR(static_cast<double>(beyond) / 50'000, 0.0455, 0.005);  // two standard deviations
}

TEST(FillerTest, DrawsUniformly) {
  const std::vector<float> values = filled({.type = Filler::Type::kUniform, .minimum = -2, .maximum = 4}, kWeight);
  EXPECT_NEAR(mean_of(values), 1, 0.03);
  EXPECT_NEAR(deviation_of(values), 6 / std::sqrt(12.0), 0.02);
  EXPECT_GE(*std::min_element(values.begin(), values.end()), -2);
  EXPECT_LE(*std::max_element(values.begin(), values.end()), 4);
}

/// Number `place` of SplitMix64's sequence from `state` on, in (0, 1).
double split_mix(std::uint64_t state, std::uint64_t place) {
  std::uint64_t z = state + (place + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return (static_cast<double>((z ^ (z >> 31)) >> 11) + 0.5) * 0x1.0p-53;
}

TEST(FillerTest, FillsLargeTensorsFromOneSequenceHoweverManyThreadsDoIt) {
  constexpr std::uint64_t kSeed = 5;
  constexpr std::uint64_t kEmptyNamesHash = 0xCBF29CE484222325;
  const Filler uniform{.type = Filler::Type::kUniform, .minimum = 0, .maximum = 1};
  const std::vector<float> values = filled(uniform, {3, 1'000'003}, kSeed, "");
  const std::uint64_t state = kSeed * 0x9E3779B97F4A7C15 ^ kEmptyNamesHash;
  for (std::size_t i = 0; i < values.size(); i += 1009) {
    ASSERT_EQ(values[i], static_cast<float>(split_mix(state, i))) << "element " << i;
  }
}

TEST(FillerTest, ScalesByTheFansAsCaffeCountsThem) {
  const auto xavier = [](Filler::Variance variance) {
    const std::vector<float> values = filled({.type = Filler::Type::kXavier, .variance = variance}, kWeight);
    return *std::max_element(values.begin(), values.end());
  };
  // 20 * 5 * 5 inputs to each output, 100 * 5 * 5 outputs from each channel.
  EXPECT_NEAR(xavier(Filler::Variance::kFanIn), std::sqrt(3.0 / 500), 1e-4);
  EXPECT_NEAR(xavier(Filler::Variance::kFanOut), std::sqrt(3.0 / 2500), 1e-4);
  EXPECT_NEAR(xavier(Filler::Variance::kAverage), std::sqrt(3.0 / 1500), 1e-4);
  EXPECT_NEAR(deviation_of(filled({.type = Filler::Type::kMsra}, kWeight)), std::sqrt(2.0 / 500), 1e-3);
}

TEST(FillerTest, DrawsTheSameFromOneSeedAndName) {
  const Filler filler{.type = Filler::Type::kGaussian};
  EXPECT_EQ(filled(filler, {50}, 7), filled(filler, {50}, 7));
  EXPECT_NE(filled(filler, {50}, 7), filled(filler, {50}, 8));
  EXPECT_NE(filled(filler, {50}, 7, "a.weight"), filled(filler, {50}, 7, "b.weight"));
}

TEST(FillerTest, DrawsUnrelatedNumbersForNeighbours) {
  const Filler filler{.type = Filler::Type::kGaussian};
  for (const auto& [one, other] :
       {std::pair(filled(filler, {20'000}, 1), filled(filler, {20'000}, 2)),
        std::pair(filled(filler, {20'000}, 1, "conv1.weight"), filled(filler, {20'000}, 1, "conv2.weight"))}) {
    double product = 0;
    for (std::size_t i = 0; i < one.size(); ++i) product += double{one[i]} * double{other[i]};
    EXPECT_LT(std::abs(product / 20'000), 0.03);
  }
}

TEST(FillerTest, MeansTheSameBySeedsAsEver) {
  const std::vector<float> uniform = filled({.type = Filler::Type::kUniform}, {3});
  EXPECT_FLOAT_EQ(uniform[0], 0.00596259488F);
  EXPECT_FLOAT_EQ(uniform[1], 0.741788864F);
  EXPECT_FLOAT_EQ(uniform[2], 0.706799865F);
  const std::vector<float> gaussian = filled({.type = Filler::Type::kGaussian}, {3});
  EXPECT_FLOAT_EQ(gaussian[0], -0.165057316F);
  EXPECT_FLOAT_EQ(gaussian[1], -3.19644403F);
  EXPECT_FLOAT_EQ(gaussian[2], -0.78131181F);
}

}  // namespace
}  // namespace poseidon
