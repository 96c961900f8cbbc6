// Batch normalisation: sums of each channel, then one pass over the elements. A ReLU after it costs nothing: its sign
// is computed again in backward.

#include <cmath>

#include "poseidon/backend/cuda/channels.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

struct TwoSums {
  float first = 0, second = 0;
  POSEIDON_DEVICE void add(const TwoSums& other) {
    first += other.first;
    second += other.second;
  }
};

/// Of a channel, less its first element: so that squares of a mean that is far from zero do not swallow the variance.
template <class T>
struct Moments {
  using Channel = float;
  using Sum = TwoSums;
  Grid grid;
  const T* in;
  [[nodiscard]] POSEIDON_DEVICE float channel(std::uint32_t c) const { return to_float(in[grid.offset(0, c, 0)]); }
  POSEIDON_DEVICE float operator()(float pivot, TwoSums& sums, float x) const {
    const float distance = x - pivot;
    sums.first += distance;
    sums.second += distance * distance;
    return 0;
  }
};

template <class T>
struct StoreMoments {
  Moments<T> moments;
  float count;
  float* mean;
  float* variance;
  POSEIDON_DEVICE void operator()(std::uint32_t c, const TwoSums& sums) const {
    const float distance = sums.first / count;
    const float square = sums.second / count - distance * distance;
    mean[c] = moments.channel(c) + distance;
    variance[c] = square > 0 ? square : (square == square ? 0 : square);  // what is no number stays
  }
};

/// One channel: what its elements are multiplied by, and what is added.
struct Normaliser {
  float mean, factor, shift, inverse_deviation;
  [[nodiscard]] POSEIDON_DEVICE float normalised(float x) const { return (x - mean) * factor + shift; }
};

/// All channels: null scale and shift count as 1 and 0.
struct Normalisers {
  const float* mean;
  const float* variance;
  const float* scale;
  const float* shift;
  float epsilon;
  [[nodiscard]] POSEIDON_DEVICE Normaliser of(std::uint32_t c) const {
    const float inverse = 1 / sqrtf(variance[c] + epsilon);
    return {mean[c], inverse * (scale == nullptr ? 1 : scale[c]), shift == nullptr ? 0 : shift[c], inverse};
  }
};

template <bool kRelu>
struct Normalise {
  using Channel = Normaliser;
  using Sum = NoSum;
  Normalisers normalisers;
  [[nodiscard]] POSEIDON_DEVICE Normaliser channel(std::uint32_t c) const { return normalisers.of(c); }
  POSEIDON_DEVICE float operator()(const Normaliser& own, NoSum& /*sum*/, float x) const {
    const float y = own.normalised(x);
    return kRelu && y <= 0 ? 0 : y;
  }
};

/// The sums of the output gradient, and of it times the normalised input.
template <bool kRelu>
struct GradientSums {
  using Channel = Normaliser;
  using Sum = TwoSums;
  Normalisers normalisers;
  [[nodiscard]] POSEIDON_DEVICE Normaliser channel(std::uint32_t c) const { return normalisers.of(c); }
  POSEIDON_DEVICE float operator()(const Normaliser& own, TwoSums& sums, float x, float dy) const {
    const float passed = kRelu && own.normalised(x) <= 0 ? 0 : dy;
    sums.first += passed;
    sums.second += passed * (x - own.mean) * own.inverse_deviation;
    return 0;
  }
};

struct StoreSums {
  float* sum;
  float* weighted;
  float* shift_gradient;  ///< may be null
  float* scale_gradient;  ///< may be null
  POSEIDON_DEVICE void operator()(std::uint32_t c, const TwoSums& sums) const {
    sum[c] = sums.first;
    weighted[c] = sums.second;
    if (shift_gradient != nullptr) shift_gradient[c] = sums.first;
    if (scale_gradient != nullptr) scale_gradient[c] = sums.second;
  }
};

/// One channel's share in the input gradient.
struct Correction {
  Normaliser own;
  float mean_gradient, slope;  ///< dx = factor * (dy - mean_gradient - (x - mean) * slope)
};

template <bool kRelu>
struct InputGradient {
  using Channel = Correction;
  using Sum = NoSum;
  Normalisers normalisers;
  const float* sum;
  const float* weighted;
  float count;
  [[nodiscard]] POSEIDON_DEVICE Correction channel(std::uint32_t c) const {
    const Normaliser own = normalisers.of(c);
    return {own, sum[c] / count, own.inverse_deviation * weighted[c] / count};
  }
  POSEIDON_DEVICE float operator()(const Correction& by, NoSum& /*sum*/, float x, float dy) const {
    const float passed = kRelu && by.own.normalised(x) <= 0 ? 0 : dy;
    return by.own.factor * (passed - by.mean_gradient - (x - by.own.mean) * by.slope);
  }
};

template <bool kRelu>
class CudaBatchNormalisation final : public BatchNormalisationOperation {
 public:
  CudaBatchNormalisation(const Context& context, double epsilon, const TensorDescription& input)
      : device_(context.device),
        epsilon_(static_cast<float>(epsilon)),
        output_(input),
        grid_(grid_of(input)),
        sums_(make_tensor(device_, TensorDescription::row_major({2, input.shape[1]}))) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward_train(const Tensor& input, const Tensor* scale, const Tensor* shift, Tensor& mean, Tensor& variance,
                     Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      const T* const in = elements_of<T>(input);
      const Moments<T> moments{grid_, in};
      over_channels(device_, grid_, static_cast<T*>(nullptr), moments,
                    StoreMoments<T>{moments, per_channel(), mean.data(), variance.data()}, in);
    });
    forward_test(input, scale, shift, mean, variance, output);
  }

  void forward_test(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                    const Tensor& variance, Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      over_channels(device_, grid_, elements_of<T>(output), Normalise<kRelu>{normalisers(mean, variance, scale, shift)},
                    StoreNothing{}, elements_of<T>(input));
    });
  }

  void backward(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                const Tensor& variance, const Tensor& output_gradient, Tensor& input_gradient, Tensor* scale_gradient,
                Tensor* shift_gradient) override {
    const Normalisers own = normalisers(mean, variance, scale, shift);
    float* const sum = sums_.data();
    float* const weighted = sum + grid_.channels;
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      const T* const in = elements_of<T>(input);
      const T* const out_gradient = elements_of<T>(output_gradient);
      over_channels(device_, grid_, static_cast<T*>(nullptr), GradientSums<kRelu>{own},
                    StoreSums{sum, weighted, shift_gradient == nullptr ? nullptr : shift_gradient->data(),
                              scale_gradient == nullptr ? nullptr : scale_gradient->data()},
                    in, out_gradient);
      over_channels(device_, grid_, elements_of<T>(input_gradient),
                    InputGradient<kRelu>{own, sum, weighted, per_channel()}, StoreNothing{}, in, out_gradient);
    });
  }

 private:
  [[nodiscard]] float per_channel() const { return static_cast<float>(std::int64_t{grid_.batch} * grid_.places); }

  [[nodiscard]] Normalisers normalisers(const Tensor& mean, const Tensor& variance, const Tensor* scale,
                                        const Tensor* shift) const {
    return {mean.data(), variance.data(), scale == nullptr ? nullptr : scale->data(),
            shift == nullptr ? nullptr : shift->data(), epsilon_};
  }

  Device& device_;
  const float epsilon_;
  const TensorDescription output_;
  const Grid grid_;
  Tensor sums_;
};

}  // namespace

std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Context& context,
                                                                      const BatchNormalisationOptions& options,
                                                                      const TensorDescription& input) {
  if (options.relu) return std::make_unique<CudaBatchNormalisation<true>>(context, options.epsilon, input);
  return std::make_unique<CudaBatchNormalisation<false>>(context, options.epsilon, input);
}

}  // namespace poseidon::cuda
