// Gradients of whole nets against finite differences of their loss.

#include <gtest/gtest.h>

#include <random>

#include "tests/support/poseidon_net.h"

namespace poseidon {
namespace {

const std::string kGaussian = "weight_filler: {type: gaussian, std: 0.4}";

std::string conv(const std::string& name, const std::string& bottom, int outputs = 3, int kernel = 3) {
  return "name: " + name + ", type: Convolution, bottom: " + bottom + ", top: " + name +
         ", convolution_param: {num_output: " + std::to_string(outputs) + ", kernel_size: " + std::to_string(kernel) +
         ", pad: " + std::to_string(kernel / 2) + ", " + kGaussian + ", bias_filler: {type: uniform, min: -1, max: 1}}";
}

std::string scores(const std::string& name, const std::string& bottom) {
  return "name: " + name + ", type: InnerProduct, bottom: " + bottom + ", top: " + name +
         ", inner_product_param: {num_output: 4, " + kGaussian + "}";
}

std::string loss(const std::string& bottom, const std::string& rest = "") {
  return "name: loss_" + bottom + ", type: SoftmaxWithLoss, bottom: [" + bottom + ", label], top: loss_" + bottom +
         rest;
}

class NetGradientTest : public ::testing::Test {
 protected:
  void expect_right(const std::vector<std::string>& layers, const std::string& what = "") {
    Net net(net_of(layers), {.seed = 3}, backend_, &source_);
    const std::vector<Slope> slopes = slopes_of(net, backend_);
    EXPECT_FALSE(slopes.empty());
    for (const Slope& slope : slopes) {
      EXPECT_NEAR(slope.computed, slope.measured, 2e-3 + 0.03 * std::abs(slope.measured)) << slope.parameter << what;
    }
  }

  CpuBackend backend_{1};
  FixedSource source_{{2, 3, 6, 6}, 4};
};

TEST_F(NetGradientTest, OfAPlainNet) {
  expect_right({conv("a", "data"), "name: t, type: TanH, bottom: a, top: t", scores("ip", "t"), loss("ip")});
}

TEST_F(NetGradientTest, IsTheSumOverTheReadersOfAnOutput) {
  expect_right({conv("a", "data"), "name: t, type: TanH, bottom: a, top: t",
                "name: s, type: Sigmoid, bottom: a, top: s", "name: sum, type: Eltwise, bottom: [t, a, s], top: sum",
                scores("ip", "sum"), loss("ip")});
}

TEST_F(NetGradientTest, OfALayerThatReadsOneOutputTwice) {
  expect_right({conv("a", "data"),
                "name: square, type: Eltwise, bottom: [a, a], top: square, eltwise_param: {operation: PROD}",
                scores("ip", "square"), loss("ip")});
}

TEST_F(NetGradientTest, OfASumWithCoefficients) {
  expect_right({conv("a", "data"), conv("b", "data"),
                "name: sum, type: Eltwise, bottom: [a, b], top: sum, eltwise_param: {operation: SUM, coeff: [0.5, -2]}",
                scores("ip", "sum"), loss("ip")});
}

TEST_F(NetGradientTest, OfAProductAndAMaximum) {
  for (const char* operation : {"PROD", "MAX"}) {
    expect_right(
        {conv("a", "data"), conv("b", "data"),
         std::string("name: e, type: Eltwise, bottom: [a, b], top: e, eltwise_param: {operation: ") + operation + "}",
         scores("ip", "e"), loss("ip")},
        operation);
  }
}

TEST_F(NetGradientTest, OfAConcatenationOfUnequalParts) {
  expect_right({conv("a", "data", 2), conv("b", "a", 5), "name: cat, type: Concat, bottom: [b, a, data], top: cat",
                conv("c", "cat", 2), scores("ip", "c"), loss("ip")});
}

TEST_F(NetGradientTest, OfLayersThatWorkInPlace) {
  expect_right({conv("a", "data"), "name: r, type: ReLU, bottom: a, top: a, relu_param: {negative_slope: 0.2}",
                "name: drop, type: Dropout, bottom: a, top: a, dropout_param: {dropout_ratio: 0.3}",
                "name: t, type: TanH, bottom: a, top: a", scores("ip", "a"), loss("ip")});
}

TEST_F(NetGradientTest, OfAnInPlaceLayerBehindOneThatKeepsItsOutput) {
  for (const char* method : {"MAX", "AVE"}) {
    expect_right(
        {conv("a", "data"),
         std::string("name: p, type: Pooling, bottom: a, top: p, pooling_param: {kernel_size: 3, stride: 2, pool: ") +
             method + "}",
         "name: r, type: ReLU, bottom: p, top: p", scores("ip", "p"), loss("ip")},
        method);
  }
  expect_right({conv("a", "data"), "name: s, type: Sigmoid, bottom: a, top: a",
                "name: r, type: TanH, bottom: a, top: a",
                "name: l, type: LRN, bottom: a, top: l, lrn_param: {local_size: 3, alpha: 0.5}",
                "name: q, type: Sigmoid, bottom: l, top: l", scores("ip", "l"), loss("ip")});
}

TEST_F(NetGradientTest, OfSeveralWeightedLosses) {
  expect_right({conv("a", "data"), scores("x", "a"), loss("x", ", loss_weight: 0.3"),
                "name: t, type: TanH, bottom: a, top: t", scores("y", "t"), loss("y", ", loss_weight: 2")});
}

TEST_F(NetGradientTest, OfANormalisationWithScale) {
  expect_right(
      {conv("a", "data"), "name: bn, type: BatchNorm, bottom: a, top: a",
       "name: scale, type: Scale, bottom: a, top: a, scale_param: {bias_term: true, filler: {type: uniform, min: "
       "0.5, max: 2}}",
       "name: t, type: TanH, bottom: a, top: a", scores("ip", "a"), loss("ip")});
}

TEST_F(NetGradientTest, OfANormalisationWithoutScale) {
  expect_right({conv("a", "data"), "name: bn, type: BatchNorm, bottom: a, top: b", scores("ip", "b"), loss("ip")});
}

TEST_F(NetGradientTest, OfANormalisationOfWhatNothingLearnsBelow) {
  expect_right({"name: bn, type: BatchNorm, bottom: data, top: b",
                "name: scale, type: Scale, bottom: b, top: b, scale_param: {bias_term: true}", scores("ip", "b"),
                loss("ip")});
}

TEST_F(NetGradientTest, OfANormalisationThatOnlyScales) {
  expect_right({conv("a", "data"), "name: bn, type: BatchNorm, bottom: a, top: b",
                "name: scale, type: Scale, bottom: b, top: b", scores("ip", "b"), loss("ip")});
}

TEST_F(NetGradientTest, ThroughFlattenAndSoftmax) {
  expect_right({conv("a", "data"), "name: f, type: Flatten, bottom: a, top: f", scores("x", "f"),
                "name: s, type: Softmax, bottom: x, top: s", scores("ip", "s"), loss("ip")});
}

TEST_F(NetGradientTest, WithFrozenParameters) {
  expect_right({conv("a", "data") + ", param: [{lr_mult: 0}, {lr_mult: 1}]", "name: t, type: TanH, bottom: a, top: t",
                scores("x", "t") + ", param: [{lr_mult: 1}, {lr_mult: 0}]", scores("ip", "x"), loss("ip")});
}

TEST_F(NetGradientTest, BesideALayerThatNoLossFollows) {
  expect_right({conv("a", "data"), scores("aside", "a"), scores("ip", "a"), loss("ip"),
                "name: acc, type: Accuracy, bottom: [ip, label], top: acc"});
}

/// Layers at random over images of one size: the memory plan has to get along with whatever comes.
std::vector<std::string> random_net(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  std::vector<std::string> tops{"a"};
  std::vector<std::string> layers{conv("a", "data")};
  for (int i = 0; i < 9; ++i) {
    const std::string name = "n" + std::to_string(i);
    const std::string from = tops[pick(tops.size())];
    const std::string other = tops[pick(tops.size())];
    const auto unary = [&](const std::string& type, bool in_place) {
      layers.push_back("name: " + name + ", type: " + type + ", bottom: " + from +
                       ", top: " + (in_place ? from : name));
      if (!in_place) tops.push_back(name);
    };
    const auto binary = [&](const std::string& rest) {
      layers.push_back("name: " + name + ", bottom: [" + from + ", " + other + "], top: " + name + ", " + rest);
      tops.push_back(name);
    };
    switch (pick(8)) {
      case 0:
        unary("TanH", pick(2) == 0);
        break;
      case 1:
        unary("Sigmoid", pick(2) == 0);
        break;
      case 2:
        unary("Dropout", pick(2) == 0);
        break;
      case 3:
        unary("BatchNorm", pick(2) == 0);
        break;
      case 4:
        binary("type: Eltwise");
        break;
      case 5:
        binary("type: Eltwise, eltwise_param: {operation: SUM, coeff: [0.5, -1]}");
        break;
      case 6:
        binary("type: Concat");
        layers.push_back(conv(name + "_c", name, 3, 1));
        tops.back() = name + "_c";
        break;
      default:
        layers.push_back(conv(name, from));
        tops.push_back(name);
    }
  }
  layers.push_back("name: all, type: Concat, bottom: [" + tops.front());
  for (std::size_t i = 1; i < tops.size(); ++i) layers.back() += ", " + tops[i];
  layers.back() += "], top: all";
  layers.push_back("name: squash, type: TanH, bottom: all, top: all");
  layers.push_back(scores("ip", "all"));
  layers.push_back(loss("ip"));
  return layers;
}

TEST_F(NetGradientTest, OfNetsMadeAtRandom) {
  for (unsigned seed = 0; seed < 25; ++seed) expect_right(random_net(seed), " of seed " + std::to_string(seed));
}

}  // namespace
}  // namespace poseidon
