// Local response normalisation: y = x * s^-beta, s = k + alpha / n * sum of squares of the neighbours.
// dx_i = dy_i s_i^-beta - 2 alpha beta / n * x_i * sum over the neighbours j of dy_j x_j s_j^(-beta - 1).

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// s^-beta and s^(-beta - 1) of sums, which are positive.
struct Power {
  float beta;
  [[nodiscard]] POSEIDON_DEVICE float operator()(float s) const {
    if (beta != 0.75F) return powf(s, -beta);  // which takes ten times as long as two square roots
#if defined(__CUDA_ARCH__)
    const float root = rsqrtf(s);
#else
    const float root = 1 / sqrtf(s);
#endif
    return root * sqrtf(root);
  }
  [[nodiscard]] POSEIDON_DEVICE float next(float s) const { return (*this)(s) / s; }
};

/// Neighbours of an element: `size` channels, or size x size places.
struct Region {
  Grid grid;
  bool across;
  int half, rows, columns;

  /// The sum of term(index) over the neighbours of the element at `index`, itself included.
  template <class Term>
  POSEIDON_DEVICE float sum(std::uint32_t index, const Term& term) const {
    const GridPlace at = place_of(grid, index);
    float sum = 0;
    if (across) {
      const int first = static_cast<int>(at.c) - half > 0 ? static_cast<int>(at.c) - half : 0;
      const int wanted = static_cast<int>(at.c) + half;
      const int last = wanted < static_cast<int>(grid.channels) ? wanted : static_cast<int>(grid.channels) - 1;
      for (int c = first; c <= last; ++c) sum += term(grid.offset(at.n, static_cast<std::uint32_t>(c), at.place));
      return sum;
    }
    const int row = static_cast<int>(at.place) / columns;
    const int column = static_cast<int>(at.place) % columns;
    for (int y = row - half; y <= row + half; ++y) {
      for (int x = column - half; x <= column + half; ++x) {
        if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
        sum += term(grid.offset(at.n, at.c, static_cast<std::uint32_t>(y * columns + x)));
      }
    }
    return sum;
  }
};

template <class T>
struct SquareAt {
  const T* in;
  POSEIDON_DEVICE float operator()(std::uint32_t i) const { return to_float(in[i]) * to_float(in[i]); }
};

template <class T>
struct Normalise {
  Region region;
  float k, share;
  Power power;
  const T* in;
  T* out;
  float* scale;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const float s = k + share * region.sum(i, SquareAt<T>{in});
    scale[i] = s;
    out[i] = from_float<T>(to_float(in[i]) * power(s));
  }
};

template <class T>
struct WeightedAt {
  const T* in;
  const T* out_gradient;
  const float* scale;
  Power power;
  POSEIDON_DEVICE float operator()(std::uint32_t i) const {
    return to_float(out_gradient[i]) * to_float(in[i]) * power.next(scale[i]);
  }
};

template <class T>
struct Gradient {
  Region region;
  float share;
  Power power;
  const T* in;
  const T* out_gradient;
  const float* scale;
  T* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const float sum = region.sum(i, WeightedAt<T>{in, out_gradient, scale, power});
    const float own = to_float(out_gradient[i]) * power(scale[i]);
    in_gradient[i] = from_float<T>(own - 2 * share * power.beta * to_float(in[i]) * sum);
  }
};

/// Across kHalf neighbours on both sides where channels are innermost: a thread has a pack of channels and what it
/// needs of the packs beside it, so that nothing has to be kept for backward.
template <class T, unsigned kHalf>
struct Neighbours {
  static constexpr unsigned kWidth = Pack<T>::kWidth;
  static_assert(2 * kHalf <= kWidth);
  Divisor by_packs;
  std::uint32_t packs;
  float k, share;
  Power power;

  /// values[kWidth + j] is channel j of the pack `i`; before and after it are those of its neighbours.
  POSEIDON_DEVICE void load(const Pack<T>* from, std::uint32_t i, float* values) const {
    const std::uint32_t place = by_packs.remainder(i);
    const Pack<T> own = from[i];
    const Pack<T> before = place > 0 ? from[i - 1] : Pack<T>{};
    const Pack<T> after = place + 1 < packs ? from[i + 1] : Pack<T>{};
    POSEIDON_UNROLL
    for (unsigned j = 0; j < kWidth; ++j) {
      values[j] = to_float(before.elements[j]);
      values[kWidth + j] = to_float(own.elements[j]);
      values[2 * kWidth + j] = to_float(after.elements[j]);
    }
  }

  /// Whether values[at] of the pack `i` is a channel's.
  [[nodiscard]] POSEIDON_DEVICE bool has(std::uint32_t i, unsigned at) const {
    const std::uint32_t place = by_packs.remainder(i);
    return (at >= kWidth || place > 0) && (at < 2 * kWidth || place + 1 < packs);
  }

  [[nodiscard]] POSEIDON_DEVICE float scale(const float* values, unsigned at) const {
    float sum = 0;
    POSEIDON_UNROLL
    for (unsigned j = at - kHalf; j <= at + kHalf; ++j) sum += values[j] * values[j];
    return k + share * sum;
  }
};

template <class T, unsigned kHalf>
struct NormalisePack {
  Neighbours<T, kHalf> neighbours;
  const Pack<T>* in;
  Pack<T>* out;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    constexpr unsigned kWidth = Pack<T>::kWidth;
    float x[3 * kWidth];
    neighbours.load(in, i, x);
    Pack<T> result;
    POSEIDON_UNROLL
    for (unsigned j = 0; j < kWidth; ++j) {
      result.elements[j] = from_float<T>(x[kWidth + j] * neighbours.power(neighbours.scale(x, kWidth + j)));
    }
    out[i] = result;
  }
};

template <class T, unsigned kHalf>
struct GradientPack {
  Neighbours<T, kHalf> neighbours;
  const Pack<T>* in;
  const Pack<T>* out_gradient;
  Pack<T>* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    constexpr unsigned kWidth = Pack<T>::kWidth;
    constexpr unsigned kFirst = kWidth - kHalf;  // of the channels whose windows reach the pack
    float x[3 * kWidth];
    float dy[3 * kWidth];
    neighbours.load(in, i, x);
    neighbours.load(out_gradient, i, dy);
    float weighted[kWidth + 2 * kHalf];
    float direct[kWidth + 2 * kHalf];
    POSEIDON_UNROLL
    for (unsigned j = 0; j < kWidth + 2 * kHalf; ++j) {
      const float s = neighbours.scale(x, kFirst + j);
      // Where there is no channel its neighbours' squares may be 0, and so may k.
      const bool has = neighbours.has(i, kFirst + j);
      direct[j] = has ? dy[kFirst + j] * neighbours.power(s) : 0;
      weighted[j] = has ? direct[j] * x[kFirst + j] / s : 0;
    }
    Pack<T> result;
    POSEIDON_UNROLL
    for (unsigned j = 0; j < kWidth; ++j) {
      float sum = 0;
      POSEIDON_UNROLL
      for (unsigned d = 0; d <= 2 * kHalf; ++d) sum += weighted[j + d];
      const float factor = 2 * neighbours.share * neighbours.power.beta;
      result.elements[j] = from_float<T>(direct[j + kHalf] - factor * x[kWidth + j] * sum);
    }
    in_gradient[i] = result;
  }
};

class CudaLrn final : public UnaryOperation {
 public:
  CudaLrn(const Context& context, const LrnOptions& options, const TensorDescription& input)
      : device_(context.device),
        k_(static_cast<float>(options.k)),
        power_{static_cast<float>(options.beta)},
        output_(input) {
    const bool across = options.region == LrnOptions::Region::kAcrossChannels;
    const auto neighbours = static_cast<double>(across ? options.size : options.size * options.size);
    share_ = static_cast<float>(options.alpha / neighbours);
    region_ = {grid_of(input), across, static_cast<int>(options.size / 2),
               input.shape.rank() == 4 ? static_cast<int>(input.shape[2]) : 1,
               input.shape.rank() == 4 ? static_cast<int>(input.shape[3]) : 1};
    const auto width = static_cast<std::uint32_t>(16 / bytes_of(arrangement_of(input).element));
    in_packs_ = across && region_.half == static_cast<int>(kPackHalf) && region_.grid.channel_stride == 1 &&
                region_.grid.channels % width == 0;
    if (!in_packs_) scale_ = make_tensor(device_, TensorDescription::row_major(input.shape));
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      if (in_packs_) {
        for_each(device_, input.count() / Pack<T>::kWidth,
                 NormalisePack<T, kPackHalf>{neighbours<T>(), packs_of<T>(input), packs_of<T>(output)});
      } else {
        for_each(
            device_, input.count(),
            Normalise<T>{region_, k_, share_, power_, elements_of<T>(input), elements_of<T>(output), scale_.data()});
      }
    });
  }

  void backward(const Tensor& input, const Tensor& /*output*/, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      if (in_packs_) {
        for_each(device_, input.count() / Pack<T>::kWidth,
                 GradientPack<T, kPackHalf>{neighbours<T>(), packs_of<T>(input), packs_of<T>(output_gradient),
                                            packs_of<T>(input_gradient)});
      } else {
        for_each(device_, input.count(),
                 Gradient<T>{region_, share_, power_, elements_of<T>(input), elements_of<T>(output_gradient),
                             scale_.data(), elements_of<T>(input_gradient)});
      }
    });
  }

 private:
  static constexpr unsigned kPackHalf = 2;  ///< five channels, as nets have it

  template <class T>
  [[nodiscard]] Neighbours<T, kPackHalf> neighbours() const {
    const std::uint32_t packs = region_.grid.channels / Pack<T>::kWidth;
    return {Divisor(packs), packs, k_, share_, power_};
  }
  template <class T>
  static Pack<T>* packs_of(Tensor& tensor) {
    return reinterpret_cast<Pack<T>*>(tensor.data());
  }
  template <class T>
  static const Pack<T>* packs_of(const Tensor& tensor) {
    return reinterpret_cast<const Pack<T>*>(tensor.data());
  }

  Device& device_;
  const float k_;
  const Power power_;
  float share_ = 0;
  const TensorDescription output_;
  Region region_;
  bool in_packs_ = false;
  Tensor scale_;  ///< s of the last forward, arranged as the input; empty where it is computed again
};

}  // namespace

std::unique_ptr<UnaryOperation> make_lrn(const Context& context, const LrnOptions& options,
                                         const TensorDescription& input) {
  return std::make_unique<CudaLrn>(context, options, input);
}

}  // namespace poseidon::cuda
