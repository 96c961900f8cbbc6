// Local response normalisation: y = x * s^-beta, s = k + alpha / n * sum of squares of the neighbours.
// dx_i = dy_i s_i^-beta - 2 alpha beta / n * x_i * sum over the neighbours j of dy_j x_j s_j^(-beta - 1).

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

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
  float k, share, beta;
  const T* in;
  T* out;
  float* scale;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const float s = k + share * region.sum(i, SquareAt<T>{in});
    scale[i] = s;
    out[i] = from_float<T>(to_float(in[i]) * powf(s, -beta));
  }
};

template <class T>
struct WeightedAt {
  const T* in;
  const T* out_gradient;
  const float* scale;
  float exponent;
  POSEIDON_DEVICE float operator()(std::uint32_t i) const {
    return to_float(out_gradient[i]) * to_float(in[i]) * powf(scale[i], exponent);
  }
};

template <class T>
struct Gradient {
  Region region;
  float share, beta;
  const T* in;
  const T* out_gradient;
  const float* scale;
  T* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const float sum = region.sum(i, WeightedAt<T>{in, out_gradient, scale, -beta - 1});
    const float own = to_float(out_gradient[i]) * powf(scale[i], -beta);
    in_gradient[i] = from_float<T>(own - 2 * share * beta * to_float(in[i]) * sum);
  }
};

class CudaLrn final : public UnaryOperation {
 public:
  CudaLrn(const Context& context, const LrnOptions& options, const TensorDescription& input)
      : device_(context.device),
        k_(static_cast<float>(options.k)),
        beta_(static_cast<float>(options.beta)),
        output_(input),
        scale_(make_tensor(device_, TensorDescription::row_major(input.shape))) {
    const bool across = options.region == LrnOptions::Region::kAcrossChannels;
    const auto neighbours = static_cast<double>(across ? options.size : options.size * options.size);
    share_ = static_cast<float>(options.alpha / neighbours);
    region_ = {grid_of(input), across, static_cast<int>(options.size / 2),
               input.shape.rank() == 4 ? static_cast<int>(input.shape[2]) : 1,
               input.shape.rank() == 4 ? static_cast<int>(input.shape[3]) : 1};
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      for_each(device_, input.count(),
               Normalise<T>{region_, k_, share_, beta_, elements_of<T>(input), elements_of<T>(output), scale_.data()});
    });
  }

  void backward(const Tensor& input, const Tensor& /*output*/, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      for_each(device_, input.count(),
               Gradient<T>{region_, share_, beta_, elements_of<T>(input), elements_of<T>(output_gradient),
                           scale_.data(), elements_of<T>(input_gradient)});
    });
  }

 private:
  Device& device_;
  const float k_, beta_;
  float share_ = 0;
  const TensorDescription output_;
  Tensor scale_;  ///< s of the last forward, arranged as the input
  Region region_;
};

}  // namespace

std::unique_ptr<UnaryOperation> make_lrn(const Context& context, const LrnOptions& options,
                                         const TensorDescription& input) {
  return std::make_unique<CudaLrn>(context, options, input);
}

}  // namespace poseidon::cuda
