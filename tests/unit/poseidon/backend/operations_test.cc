// Every operation of a backend against its definition, over random shapes: values, and gradients by finite differences.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/unit/poseidon/backend/operation_fixture.h"

namespace poseidon::test {
namespace {

constexpr double kTolerance = 2e-5;
/// Errors of a sum of a thousand rounded terms.
constexpr double kManyTerms = 4;

TEST_F(OperationTest, Convolution) {
  for (int round = 0; round < 25; ++round) {
    ConvolutionOptions options;
    options.groups = pick(1, 3);
    options.outputs = options.groups * pick(1, 17);
    options.dilation = pick(1, 2);
    options.bias = pick(0, 3) > 0;
    options.window = {.kernel_height = pick(1, 4),
                      .kernel_width = pick(1, 4),
                      .stride_height = pick(1, 3),
                      .stride_width = pick(1, 3),
                      .pad_height = pick(0, 2),
                      .pad_width = pick(0, 2)};
    const Shape shape{pick(1, 3), options.groups * pick(1, 9), pick(7, 12), pick(7, 12)};
    SCOPED_TRACE(shape.text() + " round " + std::to_string(round));
    const auto operation = backend_.convolution(options, TensorDescription::row_major(shape));
    const Shape out = convolved_shape(options, shape);
    ASSERT_EQ(operation->output().shape, out);
    const Shape weight_shape{options.outputs, shape[1] / options.groups, options.window.kernel_height,
                             options.window.kernel_width};
    Values input = draw(shape.count());
    Values weight = draw(weight_shape.count());
    Values bias = draw(options.bias ? options.outputs : 0);
    const auto reference = [&] { return convolve(options, shape, input, weight, bias); };

    Tensor x = make(shape, input), w = make(weight_shape, weight);
    Tensor b = options.bias ? make(Shape{options.outputs}, bias) : Tensor();
    Tensor y = make(operation->output());
    operation->forward(x, w, options.bias ? &b : nullptr, y);
    expect_near(values_of(y), reference(), kTolerance, "output");

    const Values weights = draw(out.count());
    const Tensor dy = make(operation->output(), weights);
    Tensor dx = make(shape, input), dw = make(weight_shape, weight);
    Tensor db = options.bias ? make(Shape{options.outputs}, bias) : Tensor();
    operation->backward_input(dy, w, dx);
    operation->backward_parameters(x, dy, dw, options.bias ? &db : nullptr);
    expect_gradient(values_of(dx), input, weights, reference, "input");
    expect_gradient(values_of(dw), weight, weights, reference, "weight");
    if (options.bias) expect_gradient(values_of(db), bias, weights, reference, "bias");
  }
}

TEST_F(OperationTest, ConvolutionOfAConvolutionsOutput) {
  const Shape shape{2, 20, 9, 9};
  const TensorDescription description = arranged(shape, true);
  ConvolutionOptions options{.outputs = 50};
  options.window = {.kernel_height = 5, .kernel_width = 5};
  const auto operation = backend_.convolution(options, description);
  Values input = draw(shape.count());
  const Values weight = draw(50 * 20 * 25);
  const Values bias = draw(50);
  const Tensor x = make(description, input), w = make(Shape{50, 20, 5, 5}, weight), b = make(Shape{50}, bias);
  Tensor y = make(operation->output());
  operation->forward(x, w, &b, y);
  const auto reference = [&] { return convolve(options, shape, input, weight, bias); };
  expect_near(values_of(y), reference(), 1e-4, "output");
  const Values weights = draw(y.count());
  Tensor dx = make(description);
  operation->backward_input(make(operation->output(), weights), w, dx);
  expect_gradient(values_of(dx), input, weights, reference, "input");
}

TEST_F(OperationTest, InnerProduct) {
  for (int round = 0; round < 12; ++round) {
    const bool images = round % 2 == 0;
    const Shape shape = images ? Shape{pick(1, 4), 16, pick(1, 5), pick(1, 5)} : Shape{pick(1, 4), pick(1, 40)};
    const std::int64_t outputs = pick(1, 30);
    const TensorDescription description = arranged(shape, images && round % 4 == 0);
    const auto operation = backend_.inner_product({.outputs = outputs}, description);
    const Shape weight_shape{outputs, shape.count(1, shape.rank())};
    Values input = draw(shape.count());
    Values weight = draw(weight_shape.count());
    Values bias = draw(outputs);
    const auto reference = [&] { return inner_product(shape[0], outputs, input, weight, bias); };
    const Tensor x = make(description, input), w = make(weight_shape, weight), b = make(Shape{outputs}, bias);
    Tensor y = make(operation->output());
    operation->forward(x, w, &b, y);
    expect_near(values_of(y), reference(), kTolerance, "output");
    expect_near(values_of(operation->flat_input()), input, 0, "flat input");

    const Values weights = draw(shape[0] * outputs);
    const Tensor dy = make(operation->output(), weights);
    Tensor dx = make(description), dw = make(weight_shape, weight), db = make(Shape{outputs}, bias);
    operation->backward_input(dy, w, dx);
    operation->backward_parameters(x, dy, dw, &db);
    expect_gradient(values_of(dx), input, weights, reference, "input");
    expect_gradient(values_of(dw), weight, weights, reference, "weight");
    expect_gradient(values_of(db), bias, weights, reference, "bias");

    const Tensor factors = make(Shape{shape[0], outputs}, weights);
    Tensor together = make(weight_shape, weight);
    backend_.multiply_factors(operation->flat_input(), factors, together);
    expect_near(values_of(together), values_of(dw), 1e-5, "factors");
    Tensor sums = make(Shape{outputs}, bias);
    backend_.sum_rows(factors, sums);
    expect_near(values_of(sums), values_of(db), 1e-5, "rows");
  }
}

TEST_F(OperationTest, LargeInnerProduct) {
  const std::int64_t batch = 3, inputs = 1031, outputs = 1051;
  const auto operation = backend_.inner_product({.outputs = outputs}, TensorDescription::row_major({batch, inputs}));
  const Values input = draw(batch * inputs), weight = draw(outputs * inputs), bias = draw(outputs);
  const Values gradient = draw(batch * outputs);
  const Tensor x = make(Shape{batch, inputs}, input), w = make(Shape{outputs, inputs}, weight);
  const Tensor b = make(Shape{outputs}, bias);
  Tensor y = make(operation->output()), dx = make(TensorDescription::row_major({batch, inputs}));
  operation->forward(x, w, &b, y);
  expect_near(values_of(y), inner_product(batch, outputs, input, weight, bias), kTolerance, "output", kManyTerms);
  operation->backward_input(make(operation->output(), gradient), w, dx);
  const Values no_bias(static_cast<std::size_t>(inputs));
  Values turned(weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i) turned[i % inputs * outputs + i / inputs] = weight[i];
  expect_near(values_of(dx), inner_product(batch, inputs, gradient, turned, no_bias), kTolerance, "input gradient",
              kManyTerms);
}

class UnaryOperationTest : public OperationTest {
 protected:
  using Make = std::function<std::unique_ptr<UnaryOperation>(const TensorDescription&)>;

  void check(const Shape& shape, const Make& make_operation, const std::function<Values(const Values&)>& reference) {
    check(shape, distinct(shape.count()), make_operation, reference);
  }

  void check(const Shape& shape, Values input, const Make& make_operation,
             const std::function<Values(const Values&)>& reference) {
    for (const bool like_convolution : {false, true}) {
      if (like_convolution && shape.rank() != 4) continue;
      SCOPED_TRACE(shape.text() + (like_convolution ? " as a convolution writes it" : " row-major"));
      const TensorDescription description = arranged(shape, like_convolution);
      const auto operation = make_operation(description);
      const Tensor x = make(description, input);
      Tensor y = make(operation->output());
      operation->forward(x, y);
      expect_near(values_of(y), reference(input), 5e-5, "output");
      const Values weights = draw(y.count());
      Tensor dx = make(description);
      operation->backward(x, y, make(operation->output(), weights), dx);
      EXPECT_THAT(values_of(dx), testing::Each(testing::Truly([](double value) { return std::isfinite(value); })));
      expect_gradient(
          values_of(dx), input, weights, [&] { return reference(input); }, "input");
    }
  }

  /// No two alike, so that every maximum is one element's.
  Values distinct(std::int64_t count) {
    Values values = draw(count);
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const double value = (static_cast<double>(order[i]) + 0.3) / static_cast<double>(order.size()) * 2 - 1;
      values[i] = under_test_.representable(value);
    }
    return values;
  }
};

TEST_F(UnaryOperationTest, Pooling) {
  for (int round = 0; round < 30; ++round) {
    PoolingOptions options;
    options.method = pick(0, 1) == 0 ? PoolingOptions::Method::kMax : PoolingOptions::Method::kAverage;
    options.round_up = pick(0, 3) > 0;
    options.window = {.kernel_height = pick(2, 4),
                      .kernel_width = pick(2, 4),
                      .stride_height = 1,
                      .stride_width = 1,
                      .pad_height = pick(0, 1),
                      .pad_width = pick(0, 1)};
    // Without padding a window may lie wholly beyond the image where strides are longer.
    const bool padded = options.window.pad_height > 0 || options.window.pad_width > 0;
    options.window.stride_height = pick(1, padded ? 6 : std::min<std::int64_t>(3, options.window.kernel_height));
    options.window.stride_width = pick(1, padded ? 6 : std::min<std::int64_t>(3, options.window.kernel_width));
    const Shape shape{pick(1, 3), round % 3 == 0 ? 16 : pick(1, 18), pick(5, 11), pick(5, 11)};
    SCOPED_TRACE("round " + std::to_string(round));
    check(
        shape, [&](const TensorDescription& input) { return backend_.pooling(options, input); },
        [&](const Values& input) { return pool(options, shape, input); });
  }
}

TEST_F(UnaryOperationTest, PoolingOfWholeImages) {
  const Shape shape{2, 18, 7, 6};
  for (const auto method : {PoolingOptions::Method::kMax, PoolingOptions::Method::kAverage}) {
    const PoolingOptions options{.method = method, .window = {.kernel_height = 7, .kernel_width = 6}};
    check(
        shape, [&](const TensorDescription& input) { return backend_.pooling(options, input); },
        [&](const Values& input) { return pool(options, shape, input); });
  }
}

TEST_F(UnaryOperationTest, Activations) {
  for (const ActivationOptions& options :
       {ActivationOptions{}, ActivationOptions{.kind = ActivationKind::kLeakyRelu, .negative_slope = 0.2},
        ActivationOptions{.kind = ActivationKind::kLeakyRelu, .negative_slope = -0.5},
        ActivationOptions{.kind = ActivationKind::kSigmoid}, ActivationOptions{.kind = ActivationKind::kTanh}}) {
    for (const Shape& shape :
         {Shape{pick(1, 3), pick(1, 33), pick(1, 7), pick(1, 7)}, Shape{pick(1, 9), pick(1, 70)}}) {
      check(
          shape, [&](const TensorDescription& input) { return backend_.activation(options, input); },
          [&](const Values& input) { return activate(options, input); });
    }
  }
}

TEST_F(UnaryOperationTest, LocalResponseNormalisation) {
  for (int round = 0; round < 8; ++round) {
    LrnOptions options{.size = 2 * pick(0, 3) + 1, .alpha = round % 2 == 0 ? 1e-4 : 1.5};
    // The layer asks for no other shift within a channel.
    if (round < 4) options.region = LrnOptions::Region::kWithinChannel;
    if (round >= 6) options.k = 2;
    Shape shape{pick(1, 3), pick(1, 33), pick(3, 8), pick(3, 8)};
    if (round >= 5) {
      options.size = 5;
      shape.set(1, 24);
    }
    check(
        shape, [&](const TensorDescription& input) { return backend_.lrn(options, input); },
        [&](const Values& input) { return lrn(options, shape, input); });
  }
}

TEST_F(UnaryOperationTest, LocalResponseNormalisationOfZerosAtTheEdge) {
  // Channels beyond the image would have sums of 0.
  const LrnOptions options{.size = 5, .alpha = 1.5, .k = 0};
  const Shape shape{2, 16, 3, 3};
  Values input = draw(shape.count());
  const auto places = static_cast<std::size_t>(shape.count(2, 4));
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::size_t channel = i / places % 16;
    if (channel < 2 || channel >= 14) input[i] = 0;
  }
  check(
      shape, input, [&](const TensorDescription& description) { return backend_.lrn(options, description); },
      [&](const Values& values) { return lrn(options, shape, values); });
}

TEST_F(UnaryOperationTest, Softmax) {
  for (int round = 0; round < 6; ++round) {
    Shape shape{pick(1, 5), pick(2, 40)};
    if (round % 2 == 0) shape = {pick(1, 3), pick(2, 20), pick(1, 6), pick(1, 6)};
    check(
        shape, [&](const TensorDescription& input) { return backend_.softmax(input); },
        [&](const Values& input) { return softmax(shape, input); });
  }
}

TEST_F(OperationTest, SoftmaxLoss) {
  for (int round = 0; round < 6; ++round) {
    Shape shape{pick(1, 5), pick(2, 40)};
    if (round % 2 == 0) shape = {pick(1, 3), pick(2, 20), pick(1, 4), pick(1, 4)};
    const auto operation = backend_.softmax_loss({}, TensorDescription::row_major(shape));
    Values input = draw(shape.count());
    std::vector<int> labels;
    Values label_values;
    for (std::int64_t i = 0; i < shape.count() / shape[1]; ++i) {
      labels.push_back(static_cast<int>(pick(0, shape[1] - 1)));
      label_values.push_back(labels.back());
    }
    const Tensor x = make(shape, input), t = make(Shape{std::int64_t(labels.size())}, label_values);
    Tensor p = make(TensorDescription::row_major(shape)), loss = make(TensorDescription::row_major({1}));
    operation->forward(x, t, p, loss);
    EXPECT_NEAR(values_of(loss)[0], softmax_loss(shape, input, labels), 1e-5);
    Tensor dx = make(TensorDescription::row_major(shape));
    operation->backward(p, t, 0.3, dx);
    expect_gradient(
        values_of(dx), input, {0.3}, [&] { return Values{softmax_loss(shape, input, labels)}; }, "input");
  }
}

TEST_F(OperationTest, SoftmaxLossLeavesOutIgnoredLabels) {
  const Shape shape{3, 4};
  const Values input = draw(shape.count());
  const auto operation = backend_.softmax_loss({.ignored_label = 3}, TensorDescription::row_major(shape));
  const Tensor x = make(shape, input), t = make(Shape{3}, {0, 3, 2});
  Tensor p = make(TensorDescription::row_major(shape)), loss = make(TensorDescription::row_major({1}));
  operation->forward(x, t, p, loss);
  const Values kept_rows{input[0], input[1], input[2], input[3], input[8], input[9], input[10], input[11]};
  EXPECT_NEAR(values_of(loss)[0], softmax_loss({2, 4}, kept_rows, {0, 2}), 1e-5);
  Tensor dx = make(shape, input);
  operation->backward(p, t, 1, dx);
  const Values gradient = values_of(dx);
  for (std::size_t i = 4; i < 8; ++i) EXPECT_EQ(gradient[i], 0);
}

TEST_F(OperationTest, BatchNormalisation) {
  for (const bool scaled : {true, false}) {
    for (const bool like_convolution : {true, false}) {
      const std::int64_t channels = scaled ? 24 : pick(1, 33);
      const Shape shape{pick(2, 4), channels, pick(2, 6), pick(2, 6)};
      const TensorDescription description = arranged(shape, like_convolution);
      const auto operation = backend_.batch_normalisation({.epsilon = 1e-3}, description);
      Values input = draw(shape.count());
      Values scale = draw(scaled ? channels : 0);
      Values shift = draw(scaled ? channels : 0);
      const auto reference = [&] { return batch_norm(1e-3, shape, input, scale, shift); };
      const Tensor x = make(description, input);
      const Tensor g = make(Shape{channels}, scaled ? scale : Values(std::size_t(channels), 0)),
                   b = make(Shape{channels}, scaled ? shift : Values(std::size_t(channels), 0));
      Tensor mean = make(Shape{channels}, Values(std::size_t(channels), 0)),
             variance = make(Shape{channels}, Values(std::size_t(channels), 0)), y = make(operation->output());
      operation->forward_train(x, scaled ? &g : nullptr, scaled ? &b : nullptr, mean, variance, y);
      expect_near(values_of(y), reference(), 1e-4, "output");

      const Values weights = draw(shape.count());
      Tensor dx = make(description), dg = make(Shape{channels}, Values(std::size_t(channels), 0)),
             db = make(Shape{channels}, Values(std::size_t(channels), 0));
      operation->backward(x, scaled ? &g : nullptr, scaled ? &b : nullptr, mean, variance,
                          make(operation->output(), weights), dx, scaled ? &dg : nullptr, scaled ? &db : nullptr);
      expect_gradient(values_of(dx), input, weights, reference, "input");
      if (scaled) {
        expect_gradient(values_of(dg), scale, weights, reference, "scale");
        expect_gradient(values_of(db), shift, weights, reference, "shift");
      }
      // By the batch's own statistics given from outside, the test phase computes the same.
      Tensor again = make(operation->output());
      operation->forward_test(x, scaled ? &g : nullptr, scaled ? &b : nullptr, mean, variance, again);
      expect_near(values_of(again), values_of(y), 1e-5, "test phase");
    }
  }
}

TEST_F(OperationTest, Eltwise) {
  for (const EltwiseOptions& options :
       {EltwiseOptions{}, EltwiseOptions{.operation = EltwiseOptions::Operation::kSum, .coefficients = {1, -0.5, 2}},
        EltwiseOptions{.operation = EltwiseOptions::Operation::kProduct, .coefficients = {}},
        EltwiseOptions{.operation = EltwiseOptions::Operation::kMaximum, .coefficients = {}}}) {
    const Shape shape{pick(1, 3), pick(1, 33), pick(1, 6), pick(1, 6)};
    const std::vector<TensorDescription> descriptions{arranged(shape, true), arranged(shape, false),
                                                      arranged(shape, true)};
    const auto operation = backend_.eltwise(options, descriptions);
    std::vector<Values> inputs;
    std::vector<Tensor> tensors, gradients;
    std::vector<const Tensor*> pointers;
    std::vector<Tensor*> gradient_pointers;
    for (const TensorDescription& description : descriptions) {
      inputs.push_back(draw(shape.count()));
      tensors.push_back(make(description, inputs.back()));
      gradients.push_back(make(description));
    }
    for (Tensor& tensor : tensors) pointers.push_back(&tensor);
    for (Tensor& gradient : gradients) gradient_pointers.push_back(&gradient);
    Tensor y = make(operation->output());
    operation->forward(pointers, y);
    const auto reference = [&] { return eltwise(options, inputs); };
    expect_near(values_of(y), reference(), kTolerance, "output");
    const Values weights = draw(shape.count());
    operation->backward(pointers, y, make(operation->output(), weights), gradient_pointers);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      expect_gradient(values_of(gradients[i]), inputs[i], weights, reference, "input " + std::to_string(i));
    }
  }
}

TEST_F(OperationTest, EltwiseGivesTheGradientOfAMaximumToOneInputInCaffesOrder) {
  const EltwiseOptions options{.operation = EltwiseOptions::Operation::kMaximum, .coefficients = {}};
  const Shape shape{1, 5};
  const std::vector<TensorDescription> descriptions(3, TensorDescription::row_major(shape));
  const auto operation = backend_.eltwise(options, descriptions);
  const Tensor a = make(shape, {1, 2, 0, 5, 6}), b = make(shape, {1, 3, 4, 5, 0}), c = make(shape, {0, 3, 4, 5, 6});
  const std::vector<const Tensor*> inputs{&a, &b, &c};
  Tensor y = make(descriptions[0]), da = make(descriptions[0]), db = make(descriptions[0]), dc = make(descriptions[0]);
  operation->forward(inputs, y);
  operation->backward(inputs, y, make(shape, {10, 20, 30, 40, 50}), std::vector<Tensor*>{&da, &db, &dc});
  EXPECT_EQ(values_of(da), (Values{0, 0, 0, 0, 50}));
  EXPECT_EQ(values_of(db), (Values{10, 20, 30, 40, 0}));
  EXPECT_EQ(values_of(dc), (Values{0, 0, 0, 0, 0}));
}

TEST_F(OperationTest, Concat) {
  for (const int axis : {0, 1, 2}) {
    for (const std::int64_t channels : {std::int64_t{16}, pick(1, 30)}) {
      std::vector<Shape> shapes(3, Shape{pick(1, 3), channels, pick(1, 5), pick(1, 5)});
      for (std::int64_t i = 0; i < 3; ++i) shapes[std::size_t(i)].set(axis, shapes[0][axis] * (i + 1));
      std::vector<TensorDescription> descriptions;
      for (const Shape& shape : shapes) descriptions.push_back(arranged(shape, channels == 16));
      const auto operation = backend_.concat(axis, descriptions);
      std::vector<Values> inputs;
      std::vector<Tensor> tensors, gradients;
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        inputs.push_back(draw(shapes[i].count()));
        tensors.push_back(make(descriptions[i], inputs[i]));
        gradients.push_back(make(descriptions[i]));
      }
      Tensor y = make(operation->output());
      operation->forward(std::vector<const Tensor*>{&tensors[0], &tensors[1], &tensors[2]}, y);
      const Values joined = values_of(y);
      // Slice by slice along the outer axes.
      Values expected;
      const std::int64_t outer = shapes[0].count(0, axis);
      for (std::int64_t slice = 0; slice < outer; ++slice) {
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          const auto length = static_cast<std::ptrdiff_t>(shapes[i].count() / outer);
          expected.insert(expected.end(), inputs[i].begin() + slice * length, inputs[i].begin() + (slice + 1) * length);
        }
      }
      expect_near(joined, expected, 0, "output");
      // The gradient of a copy is a copy: what went in comes back.
      operation->backward(std::vector<const Tensor*>{&tensors[0], &tensors[1], &tensors[2]}, y, y,
                          std::vector<Tensor*>{&gradients[0], nullptr, &gradients[2]});
      expect_near(values_of(gradients[0]), inputs[0], 0, "gradient 0");
      expect_near(values_of(gradients[2]), inputs[2], 0, "gradient 2");
    }
  }
}

TEST_F(OperationTest, DropoutZeroesAShareAndKeepsTheMean) {
  const Shape shape{100, 500};
  const auto operation = backend_.dropout(0.3, 7, TensorDescription::row_major(shape));
  const Tensor x = make(shape, Values(std::size_t(shape.count()), 1.0));
  Tensor y = make(shape, Values(std::size_t(shape.count()), 0.0)),
         again = make(shape, Values(std::size_t(shape.count()), 0.0));
  operation->forward(x, 5, y);
  const Values first = values_of(y);
  const double mean = std::accumulate(first.begin(), first.end(), 0.0) / double(first.size());
  EXPECT_NEAR(mean, 1, 0.02);
  EXPECT_NEAR(double(std::count(first.begin(), first.end(), 0.0)) / double(first.size()), 0.3, 0.01);
  operation->backward(x, 5, again);
  EXPECT_EQ(values_of(again), first) << "backward drops what forward dropped";
  operation->forward(x, 6, again);
  EXPECT_NE(values_of(again), first) << "every step drops others";
}

}  // namespace
}  // namespace poseidon::test
