#pragma once

// Compares operations of a backend with reference.h: values directly, gradients by finite differences of the reference.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "tests/unit/poseidon/backend/backend_under_test.h"
#include "tests/unit/poseidon/backend/reference.h"

namespace poseidon::test {

class OperationTest : public ::testing::Test {
 protected:
  /// Even numbers of some distance, so that no maximum and no kink is near a step of the differences.
  Values draw(std::int64_t count) {
    Values values;
    for (std::int64_t i = 0; i < count; ++i) {
      double value = std::uniform_real_distribution<>(-1, 1)(random_);
      if (std::abs(value) < 0.05) value += value < 0 ? -0.05 : 0.05;
      values.push_back(under_test_.representable(value));
    }
    return values;
  }

  std::int64_t pick(std::int64_t first, std::int64_t last) {
    return std::uniform_int_distribution<std::int64_t>(first, last)(random_);
  }

  Tensor make(const TensorDescription& description, const Values& values) {
    Tensor tensor = backend_.make(description);
    backend_.upload(std::vector<float>(values.begin(), values.end()), tensor);
    return tensor;
  }
  Tensor make(const Shape& shape, const Values& values) { return make(TensorDescription::row_major(shape), values); }
  Tensor make(const TensorDescription& description) { return backend_.make(description); }

  Values values_of(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.count()));
    backend_.download(tensor, values);
    return {values.begin(), values.end()};
  }

  /// `growth` is of what less exact devices are allowed.
  void expect_near(const Values& actual, const Values& expected, double tolerance, const std::string& what,
                   double growth = 1) const {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    if (tolerance > 0) tolerance = std::max(tolerance, growth * under_test_.tolerance);
    for (std::size_t i = 0; i < actual.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << what << ", element " << i;
    }
  }

  /// `gradient` of the function sum(weights * reference()) by `at`, which the reference reads; some elements of it.
  void expect_gradient(const Values& gradient, Values& at, const Values& weights,
                       const std::function<Values()>& reference, const std::string& what) {
    ASSERT_EQ(gradient.size(), at.size()) << what;
    constexpr double kStep = 1e-5;
    const auto loss = [&] {
      const Values outputs = reference();
      double sum = 0;
      for (std::size_t i = 0; i < outputs.size(); ++i) sum += outputs[i] * weights[i];
      return sum;
    };
    constexpr std::int64_t kProbes = 12;
    for (std::int64_t probe = 0; probe < kProbes; ++probe) {
      const auto i = static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(at.size()) - 1));
      const double value = at[i];
      at[i] = value + kStep;
      const double above = loss();
      at[i] = value - kStep;
      const double below = loss();
      at[i] = value;
      const double expected = (above - below) / (2 * kStep);
      const double tolerance = std::max(2e-3, 2 * under_test_.tolerance);
      ASSERT_NEAR(gradient[i], expected, tolerance * (1 + std::abs(expected))) << what << ", element " << i;
    }
  }

  /// Shapes that come out of a convolution, arranged as it likes them, beside row-major ones.
  TensorDescription arranged(const Shape& shape, bool like_convolution) {
    if (!like_convolution) return TensorDescription::row_major(shape);
    ConvolutionOptions options{.outputs = shape[1]};
    return backend_.convolution(options, TensorDescription::row_major({shape[0], 8, shape[2], shape[3]}))->output();
  }

  const BackendUnderTest under_test_ = make_backend_under_test();
  Backend& backend_ = *under_test_.backend;
  std::mt19937_64 random_{20};
};

}  // namespace poseidon::test
