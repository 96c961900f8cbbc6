// Operations that end with a ReLU against the same ones followed by a ReLU of its own, on backends that fuse them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/poseidon/backend/operation_fixture.h"

namespace poseidon::test {
namespace {

constexpr double kFusedTolerance = 2e-5;

class FusedPassReluTest : public OperationTest {
 protected:
  void SetUp() override {
    if (!backend_.fuses_relu_into_passes()) GTEST_SKIP() << backend_.name() << " fuses no ReLU";
  }

  /// The output, and the gradient by what the ReLU was given for the gradient `dy` by its output.
  struct Rectified {
    Values output, gradient;
  };
  Rectified rectify(const Tensor& before, const Values& dy) {
    const auto relu = backend_.activation({}, before.description());
    Tensor y = make(relu->output());
    Tensor dx = make(relu->output());
    relu->forward(before, y);
    relu->backward(before, y, make(relu->output(), dy), dx);
    return {values_of(y), values_of(dx)};
  }

  Tensor zeros(const Shape& shape) { return make(TensorDescription::row_major(shape)); }
};

/// Of operations that are more than a pass over memory.
class FusedReluTest : public FusedPassReluTest {
 protected:
  void SetUp() override {
    if (!backend_.fuses_relu()) GTEST_SKIP() << backend_.name() << " fuses no ReLU into products";
  }
};

TEST_F(FusedReluTest, EndsAConvolution) {
  for (const bool bias : {true, false}) {
    ConvolutionOptions options{.outputs = bias ? 24 : 10};
    options.window = {.kernel_height = 3, .kernel_width = 3, .pad_height = 1, .pad_width = 1};
    options.bias = bias;
    const TensorDescription input = TensorDescription::row_major({2, 3, 7, 6});
    const auto plain = backend_.convolution(options, input);
    options.relu = true;
    const auto fused = backend_.convolution(options, input);
    const Tensor x = make(input, draw(input.shape.count()));
    const Shape weight{options.outputs, 3, 3, 3};
    const Tensor w = make(weight, draw(weight.count()));
    const Tensor b = make(Shape{options.outputs}, draw(options.outputs));
    Tensor before = make(plain->output());
    Tensor y = make(fused->output());
    plain->forward(x, w, bias ? &b : nullptr, before);
    fused->forward(x, w, bias ? &b : nullptr, y);
    const Values gradient = draw(y.count());
    const Rectified expected = rectify(before, gradient);
    expect_near(values_of(y), expected.output, kFusedTolerance, "output");

    Tensor dy = make(fused->output(), gradient);
    Tensor db = zeros({options.outputs});
    fused->backward_relu(y, dy, bias ? &db : nullptr);
    expect_near(values_of(dy), expected.gradient, kFusedTolerance, "output gradient");
    if (!bias) continue;
    Tensor dw = zeros(weight);
    Tensor sums = zeros({options.outputs});
    plain->backward_parameters(x, dy, dw, &sums);
    expect_near(values_of(db), values_of(sums), kFusedTolerance, "bias gradient");
  }
}

TEST_F(FusedReluTest, EndsAnInnerProduct) {
  const TensorDescription input = TensorDescription::row_major({5, 12});
  const auto plain = backend_.inner_product({.outputs = 16}, input);
  const auto fused = backend_.inner_product({.outputs = 16, .relu = true}, input);
  const Tensor x = make(input, draw(60)), w = make(Shape{16, 12}, draw(16 * 12)), b = make(Shape{16}, draw(16));
  Tensor before = make(plain->output());
  Tensor y = make(fused->output());
  plain->forward(x, w, &b, before);
  fused->forward(x, w, &b, y);
  const Values gradient = draw(y.count());
  const Rectified expected = rectify(before, gradient);
  expect_near(values_of(y), expected.output, kFusedTolerance, "output");
  Tensor dy = make(fused->output(), gradient);
  Tensor db = zeros({16});
  fused->backward_relu(y, dy, &db);
  expect_near(values_of(dy), expected.gradient, kFusedTolerance, "output gradient");
  Values sums(16);
  for (std::size_t i = 0; i < expected.gradient.size(); ++i) sums[i % 16] += expected.gradient[i];
  expect_near(values_of(db), sums, kFusedTolerance, "bias gradient");
}

TEST_F(FusedPassReluTest, EndsABatchNormalisation) {
  for (const std::int64_t channels : {16, 5}) {
    const TensorDescription input = arranged({3, channels, 4, 5}, true);
    const auto plain = backend_.batch_normalisation({.epsilon = 1e-3}, input);
    const auto fused = backend_.batch_normalisation({.epsilon = 1e-3, .relu = true}, input);
    const Tensor x = make(input, draw(input.shape.count()));
    const Tensor scale = make(Shape{channels}, draw(channels)), shift = make(Shape{channels}, draw(channels));
    Tensor mean = zeros({channels}), variance = zeros({channels});
    Tensor before = make(input), y = make(input), dx = make(input), dx_fused = make(input);
    plain->forward_train(x, &scale, &shift, mean, variance, before);
    fused->forward_train(x, &scale, &shift, mean, variance, y);
    const Values gradient = draw(y.count());
    const Rectified expected = rectify(before, gradient);
    expect_near(values_of(y), expected.output, kFusedTolerance, "output");
    Tensor dscale = zeros({channels}), dshift = zeros({channels}), dscale_fused = zeros({channels}),
           dshift_fused = zeros({channels});
    plain->backward(x, &scale, &shift, mean, variance, make(input, expected.gradient), dx, &dscale, &dshift);
    fused->backward(x, &scale, &shift, mean, variance, make(input, gradient), dx_fused, &dscale_fused, &dshift_fused);
    expect_near(values_of(dx_fused), values_of(dx), kFusedTolerance, "input gradient");
    expect_near(values_of(dscale_fused), values_of(dscale), kFusedTolerance, "scale gradient");
    expect_near(values_of(dshift_fused), values_of(dshift), kFusedTolerance, "shift gradient");
  }
}

TEST_F(FusedPassReluTest, EndsASum) {
  const TensorDescription input = arranged({2, 8, 3, 3}, true);
  const EltwiseOptions weighted{.operation = EltwiseOptions::Operation::kSum, .coefficients = {1, -0.5, 2}};
  EltwiseOptions options = weighted;
  options.relu = true;
  const std::vector<TensorDescription> inputs(3, input);
  const auto plain = backend_.eltwise(weighted, inputs);
  const auto fused = backend_.eltwise(options, inputs);
  const Tensor a = make(input, draw(144)), b = make(input, draw(144)), c = make(input, draw(144));
  const std::vector<const Tensor*> values{&a, &b, &c};
  Tensor before = make(input), y = make(input);
  plain->forward(values, before);
  fused->forward(values, y);
  const Values gradient = draw(144);
  const Rectified expected = rectify(before, gradient);
  expect_near(values_of(y), expected.output, kFusedTolerance, "output");
  Tensor da = make(input), db = make(input), dc = make(input);
  fused->backward(values, y, make(input, gradient), std::vector<Tensor*>{&da, &db, &dc});
  Values half = expected.gradient;
  for (double& value : half) value *= -0.5;
  expect_near(values_of(da), expected.gradient, kFusedTolerance, "gradient 0");
  expect_near(values_of(db), half, kFusedTolerance, "gradient 1");
}

TEST_F(FusedPassReluTest, LeavesWhatIsNoNumberInABatchNormalisation) {
  const TensorDescription input = arranged({2, 16, 2, 2}, true);
  const auto fused = backend_.batch_normalisation({.relu = true}, input);
  Values images = draw(input.shape.count());
  images[0] = std::nan("");  // so that no element of channel 0 has a value
  Tensor mean = zeros({16}), variance = zeros({16}), y = make(input);
  fused->forward_train(make(input, images), nullptr, nullptr, mean, variance, y);
  const Values values = values_of(y);
  EXPECT_TRUE(std::all_of(values.begin(), values.begin() + 4, [](double value) { return std::isnan(value); }));
  EXPECT_TRUE(std::none_of(values.begin() + 4, values.begin() + 64, [](double value) { return std::isnan(value); }));
}

TEST_F(FusedReluTest, LeavesWhatIsNoNumberInAConvolution) {
  ConvolutionOptions options{.outputs = 8};
  options.window = {.kernel_height = 3, .kernel_width = 3, .pad_height = 1, .pad_width = 1};
  options.relu = true;
  const TensorDescription input = arranged({2, 8, 6, 6}, true);
  const auto fused = backend_.convolution(options, input);
  Values images = draw(input.shape.count());
  for (std::size_t i = 0; i < images.size() / 2; ++i) images[i] = std::nan("");  // of the first image
  const Tensor x = make(input, images), w = make(Shape{8, 8, 3, 3}, draw(8 * 8 * 9)), b = make(Shape{8}, draw(8));
  Tensor y = make(fused->output());
  for (int pass = 0; pass < 2; ++pass) {  // the second by the plan that the first has chosen
    fused->forward(x, w, &b, y);
    const Values values = values_of(y);
    EXPECT_TRUE(std::all_of(values.begin(), values.begin() + 288, [](double value) { return std::isnan(value); }));
    EXPECT_TRUE(std::none_of(values.begin() + 288, values.end(), [](double value) { return std::isnan(value); }));
  }
}

TEST_F(FusedPassReluTest, LeavesWhatIsNoNumberInASum) {
  const TensorDescription input = TensorDescription::row_major({1, 4});
  const auto sum = backend_.eltwise({.operation = EltwiseOptions::Operation::kSum, .coefficients = {}, .relu = true},
                                    std::vector<TensorDescription>(2, input));
  const Tensor a = make(input, {1, std::nan(""), -3, 0}), b = make(input, {1, 1, 1, 0});
  Tensor y = make(input);
  sum->forward(std::vector<const Tensor*>{&a, &b}, y);
  const Values values = values_of(y);
  EXPECT_EQ(values[0], 2);
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ(values[2], 0);
}

}  // namespace
}  // namespace poseidon::test
