// Softmax over the channels.

#include "poseidon/backend/cuda/softmax.h"

#include "poseidon/backend/cuda/channels.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// Which position an element belongs to.
POSEIDON_DEVICE inline std::uint32_t position_of(const Grid& grid, std::uint32_t index) {
  const GridPlace at = place_of(grid, index);
  return at.n * grid.places + at.place;
}

struct Probability {
  Grid grid;
  const ExponentialSum* sums;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float score) const {
    return probability(score, sums[position_of(grid, i)]);
  }
};

/// The sum over channels of output times output gradient.
template <class T>
struct Product {
  Grid grid;
  const T* out;
  const T* out_gradient;
  POSEIDON_DEVICE FloatSum operator()(std::uint32_t position, std::uint32_t c) const {
    const std::uint32_t at = grid.offset(position / grid.places, c, position % grid.places);
    return {to_float(out[at]) * to_float(out_gradient[at])};
  }
};

struct Gradient {
  Grid grid;
  const float* sums;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float y, float dy) const {
    return y * (dy - sums[position_of(grid, i)]);
  }
};

class CudaSoftmax final : public UnaryOperation {
 public:
  CudaSoftmax(const Context& context, const TensorDescription& input)
      : device_(context.device),
        output_(input),
        grid_(grid_of(input)),
        memory_(std::make_shared<DeviceMemory>(device_, positions() * sizeof(ExponentialSum))) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    auto* const sums = reinterpret_cast<ExponentialSum*>(memory_->data());
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      sum_exponentials(device_, grid_, elements_of<T>(input), sums);
      transform(device_, input.count(), elements_of<T>(output), Probability{grid_, sums}, elements_of<T>(input));
    });
  }

  void backward(const Tensor& /*input*/, const Tensor& output, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    auto* const sums = reinterpret_cast<float*>(memory_->data());
    const Along along = grid_.channel_stride == 1 ? Along::kInputs : Along::kOutputs;
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      fold<FloatSum>(device_, along, static_cast<std::int64_t>(positions()), grid_.channels,
                     Product<T>{grid_, elements_of<T>(output), elements_of<T>(output_gradient)}, StoreFloat{sums});
      transform(device_, output.count(), elements_of<T>(input_gradient), Gradient{grid_, sums}, elements_of<T>(output),
                elements_of<T>(output_gradient));
    });
  }

 private:
  [[nodiscard]] std::size_t positions() const { return std::size_t{grid_.batch} * grid_.places; }

  Device& device_;
  const TensorDescription output_;
  const Grid grid_;
  const std::shared_ptr<DeviceMemory> memory_;  ///< of each position: its exponential sum, in backward its product
};

}  // namespace

std::unique_ptr<UnaryOperation> make_softmax(const Context& context, const TensorDescription& input) {
  return std::make_unique<CudaSoftmax>(context, input);
}

}  // namespace poseidon::cuda
