// Batch normalisation on processors, whose threads take blocks of channels, or of these the images.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "poseidon/backend/cpu/cpu_backend.h"

namespace poseidon {
namespace {

/// What one forward and backward make of drawn values.
struct Results {
  std::vector<float> output, input_gradient, mean, variance, scale_gradient, shift_gradient;
  bool operator==(const Results&) const = default;
};

class Normalised {
 public:
  Normalised(const Shape& shape, int threads) : backend_(threads), shape_(shape) {}

  /// Arranged as a convolution likes it, or row-major.
  Results by(const TensorDescription& input, float middle) {
    const auto operation = backend_.batch_normalisation({.epsilon = 1e-5, .relu = true}, input);
    const Tensor x = drawn(input, middle), dy = drawn(input, 0);
    const TensorDescription channels = TensorDescription::row_major({shape_[1]});
    const Tensor scale = drawn(channels, 1), shift = drawn(channels, 0);
    Tensor y = backend_.make(input), dx = backend_.make(input), mean = backend_.make(channels),
           variance = backend_.make(channels), dscale = backend_.make(channels), dshift = backend_.make(channels);
    operation->forward_train(x, &scale, &shift, mean, variance, y);
    operation->backward(x, &scale, &shift, mean, variance, dy, dx, &dscale, &dshift);
    return {values_of(y), values_of(dx), values_of(mean), values_of(variance), values_of(dscale), values_of(dshift)};
  }

  [[nodiscard]] TensorDescription row_major() const { return TensorDescription::row_major(shape_); }
  [[nodiscard]] TensorDescription like_a_convolution() {
    const auto before = TensorDescription::row_major({shape_[0], 8, shape_[2], shape_[3]});
    return backend_.convolution({.outputs = shape_[1]}, before)->output();
  }

 private:
  Tensor drawn(const TensorDescription& description, float middle) {
    std::vector<float> values(static_cast<std::size_t>(description.shape.count()));
    for (float& value : values) value = middle + std::uniform_real_distribution<float>(-1, 1)(random_);
    Tensor tensor = backend_.make(description);
    backend_.upload(values, tensor);
    return tensor;
  }

  std::vector<float> values_of(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.count()));
    backend_.download(tensor, values);
    return values;
  }

  CpuBackend backend_;
  const Shape shape_;
  std::mt19937_64 random_{7};
};

TEST(CpuBatchNormalisationTest, ComputesTheSameWithAnyNumberOfThreads) {
  for (const std::int64_t channels : {10, 72}) {  // fewer blocks than threads, and more
    const Shape shape{5, channels, 30, 31};
    for (const bool like_convolution : {true, false}) {
      const auto with = [&](int threads) {
        Normalised normalised(shape, threads);
        return normalised.by(like_convolution ? normalised.like_a_convolution() : normalised.row_major(), 0.5F);
      };
      const Results alone = with(1);
      for (const int threads : {2, 4}) EXPECT_TRUE(with(threads) == alone) << channels << ", " << threads;
    }
  }
}

TEST(CpuBatchNormalisationTest, ComputesTheSameInAnyArrangement) {
  Normalised one({3, 24, 9, 8}, 2), other({3, 24, 9, 8}, 2);
  const Results blocked = one.by(one.like_a_convolution(), 0);
  const Results plain = other.by(other.row_major(), 0);
  for (std::size_t i = 0; i < blocked.output.size(); ++i) {
    ASSERT_NEAR(blocked.output[i], plain.output[i], 1e-5) << i;
    ASSERT_NEAR(blocked.input_gradient[i], plain.input_gradient[i], 1e-5) << i;
  }
}

TEST(CpuBatchNormalisationTest, KnowsTheVarianceFarFromZero) {
  Normalised normalised({4, 16, 20, 20}, 2);
  const Results results = normalised.by(normalised.like_a_convolution(), 1000);
  for (std::size_t channel = 0; channel < results.mean.size(); ++channel) {
    EXPECT_NEAR(results.mean[channel], 1000, 0.1);
    EXPECT_NEAR(results.variance[channel], 1.0 / 3, 0.03);  // of a uniform distribution of width 2
  }
}

TEST(CpuBatchNormalisationTest, TakesWhatAnInnerProductMakes) {
  Normalised normalised({64, 37}, 2);
  const Results results = normalised.by(normalised.row_major(), 3);
  for (std::size_t channel = 0; channel < results.mean.size(); ++channel) {
    EXPECT_NEAR(results.mean[channel], 3, 0.5);
    EXPECT_NEAR(results.variance[channel], 1.0 / 3, 0.15);
  }
}

}  // namespace
}  // namespace poseidon
