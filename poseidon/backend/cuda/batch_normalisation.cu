// Batch normalisation: sums of each channel, then one pass over the elements.

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
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
  Grid grid;
  const T* in;
  POSEIDON_DEVICE TwoSums operator()(std::uint32_t c, std::uint32_t i) const {
    const float pivot = to_float(in[grid.offset(0, c, 0)]);
    const float x = to_float(in[grid.offset(i / grid.places, c, i % grid.places)]) - pivot;
    return {x, x * x};
  }
};

template <class T>
struct StoreMoments {
  Grid grid;
  const T* in;
  float count;
  float* mean;
  float* variance;
  POSEIDON_DEVICE void operator()(std::uint32_t c, const TwoSums& sums) const {
    const float distance = sums.first / count;
    const float square = sums.second / count - distance * distance;
    mean[c] = to_float(in[grid.offset(0, c, 0)]) + distance;
    variance[c] = square > 0 ? square : (square == square ? 0 : square);  // what is no number stays
  }
};

/// What one channel's elements are multiplied by, and what is added: null scale and shift count as 1 and 0.
struct Channel {
  const float* mean;
  const float* variance;
  const float* scale;
  const float* shift;
  float epsilon;
  [[nodiscard]] POSEIDON_DEVICE float inverse_deviation(std::uint32_t c) const {
    return 1 / sqrtf(variance[c] + epsilon);
  }
  [[nodiscard]] POSEIDON_DEVICE float scale_of(std::uint32_t c) const { return scale == nullptr ? 1 : scale[c]; }
  [[nodiscard]] POSEIDON_DEVICE float shift_of(std::uint32_t c) const { return shift == nullptr ? 0 : shift[c]; }
};

struct Normalise {
  Grid grid;
  Channel channel;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float x) const {
    const std::uint32_t c = grid.channel_of(i);
    const float normalised = (x - channel.mean[c]) * channel.inverse_deviation(c);
    return normalised * channel.scale_of(c) + channel.shift_of(c);
  }
};

/// The sums of the output gradient, and of it times the normalised input.
template <class T>
struct GradientSums {
  Grid grid;
  Channel channel;
  const T* in;
  const T* out_gradient;
  POSEIDON_DEVICE TwoSums operator()(std::uint32_t c, std::uint32_t i) const {
    const std::uint32_t at = grid.offset(i / grid.places, c, i % grid.places);
    const float dy = to_float(out_gradient[at]);
    return {dy, dy * (to_float(in[at]) - channel.mean[c]) * channel.inverse_deviation(c)};
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

struct InputGradient {
  Grid grid;
  Channel channel;
  const float* sum;
  const float* weighted;
  float count;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float x, float dy) const {
    const std::uint32_t c = grid.channel_of(i);
    const float inverse = channel.inverse_deviation(c);
    const float normalised = (x - channel.mean[c]) * inverse;
    return channel.scale_of(c) * inverse * (dy - (sum[c] + normalised * weighted[c]) / count);
  }
};

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
      fold<TwoSums>(device_, along(), grid_.channels, per_channel(), Moments<T>{grid_, in},
                    StoreMoments<T>{grid_, in, static_cast<float>(per_channel()), mean.data(), variance.data()});
    });
    forward_test(input, scale, shift, mean, variance, output);
  }

  void forward_test(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                    const Tensor& variance, Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      transform(device_, input.count(), elements_of<T>(output), Normalise{grid_, channel(mean, variance, scale, shift)},
                elements_of<T>(input));
    });
  }

  void backward(const Tensor& input, const Tensor* scale, const Tensor& mean, const Tensor& variance,
                const Tensor& output_gradient, Tensor& input_gradient, Tensor* scale_gradient,
                Tensor* shift_gradient) override {
    const Channel own = channel(mean, variance, scale, nullptr);
    float* const sum = sums_.data();
    float* const weighted = sum + grid_.channels;
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      fold<TwoSums>(device_, along(), grid_.channels, per_channel(),
                    GradientSums<T>{grid_, own, elements_of<T>(input), elements_of<T>(output_gradient)},
                    StoreSums{sum, weighted, shift_gradient == nullptr ? nullptr : shift_gradient->data(),
                              scale_gradient == nullptr ? nullptr : scale_gradient->data()});
      transform(device_, input.count(), elements_of<T>(input_gradient),
                InputGradient{grid_, own, sum, weighted, static_cast<float>(per_channel())}, elements_of<T>(input),
                elements_of<T>(output_gradient));
    });
  }

 private:
  [[nodiscard]] Along along() const { return grid_.channel_stride == 1 ? Along::kOutputs : Along::kInputs; }
  [[nodiscard]] std::int64_t per_channel() const { return std::int64_t{grid_.batch} * grid_.places; }
  [[nodiscard]] Channel channel(const Tensor& mean, const Tensor& variance, const Tensor* scale,
                                const Tensor* shift) const {
    return {mean.data(), variance.data(), scale == nullptr ? nullptr : scale->data(),
            shift == nullptr ? nullptr : shift->data(), epsilon_};
  }

  Device& device_;
  const float epsilon_;
  const TensorDescription output_;
  const Grid grid_;
  Tensor sums_;  ///< of the gradient, and weighted, for the pass over the elements
};

}  // namespace

std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Context& context, double epsilon,
                                                                      const TensorDescription& input) {
  return std::make_unique<CudaBatchNormalisation>(context, epsilon, input);
}

}  // namespace poseidon::cuda
