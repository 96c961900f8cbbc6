// What is no number has to stay none, or checks behind it would find nothing.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "tests/unit/poseidon/backend/operation_fixture.h"

namespace poseidon::test {
namespace {

using NanTest = OperationTest;

TEST_F(NanTest, StaysOneThroughEveryActivation) {
  for (const ActivationOptions& options :
       {ActivationOptions{}, ActivationOptions{.kind = ActivationKind::kLeakyRelu, .negative_slope = 0.5},
        ActivationOptions{.kind = ActivationKind::kLeakyRelu, .negative_slope = -0.5},
        ActivationOptions{.kind = ActivationKind::kSigmoid}, ActivationOptions{.kind = ActivationKind::kTanh}}) {
    const TensorDescription description = TensorDescription::row_major({2, 20});
    Values values = draw(40);
    values[7] = values[33] = std::nan("");
    const Tensor x = make(description, values);
    const auto activation = backend_.activation(options, description);
    Tensor y = make(activation->output());
    activation->forward(x, y);
    const Values result = values_of(y);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(std::isnan(result[i]), std::isnan(values[i])) << static_cast<int>(options.kind) << ", element " << i;
    }
  }
}

TEST_F(NanTest, StaysOneInAMaximumOfTwoInputs) {
  const std::vector<TensorDescription> descriptions(2, TensorDescription::row_major({1, 4}));
  const auto maximum = backend_.eltwise({.operation = EltwiseOptions::Operation::kMaximum}, descriptions);
  const Tensor first = make(descriptions[0], {std::nanf(""), 1, 2, 3});
  const Tensor second = make(descriptions[1], {1, std::nanf(""), 5, 0});
  const std::array<const Tensor*, 2> inputs{&first, &second};
  Tensor y = make(maximum->output());
  maximum->forward(inputs, y);
  const Values result = values_of(y);
  EXPECT_TRUE(std::isnan(result[0]));
  EXPECT_TRUE(std::isnan(result[1]));
  EXPECT_EQ(result[2], 5);
  EXPECT_EQ(result[3], 3);
}

TEST_F(NanTest, StaysOneInTheMaximumOfEveryWindowThatHasIt) {
  for (const bool like_convolution : {false, true}) {
    const Shape shape{2, 5, 9, 7};
    PoolingOptions options{.window = {.kernel_height = 3,
                                      .kernel_width = 2,
                                      .stride_height = 2,
                                      .stride_width = 3,
                                      .pad_height = 1,
                                      .pad_width = 1}};
    const TensorDescription description = arranged(shape, like_convolution);
    Values values = draw(shape.count());
    for (const std::size_t place : {0U, 65U, 200U, 314U, 315U, 629U}) values[place] = std::nan("");
    const auto maximum = backend_.pooling(options, description);
    Tensor y = make(maximum->output());
    maximum->forward(make(description, values), y);
    options.method = PoolingOptions::Method::kAverage;
    const Values means = pool(options, shape, values);  // are none of the same windows
    const Values maxima = values_of(y);
    ASSERT_EQ(maxima.size(), means.size());
    for (std::size_t i = 0; i < means.size(); ++i) {
      EXPECT_EQ(std::isnan(maxima[i]), std::isnan(means[i])) << "arranged " << like_convolution << ", element " << i;
    }
  }
}

TEST_F(NanTest, IsNotMadeOfInfinityByARelu) {
  const TensorDescription description = TensorDescription::row_major({1, 2});
  const auto relu = backend_.activation({}, description);
  Tensor y = make(relu->output());
  relu->forward(make(description, {-INFINITY, INFINITY}), y);
  EXPECT_EQ(values_of(y), (Values{0, INFINITY}));
}

}  // namespace
}  // namespace poseidon::test
