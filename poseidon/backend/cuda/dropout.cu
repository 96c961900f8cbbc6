// Dropout by a mask that is a function of seed, step and place, so that backward makes it again instead of keeping it.

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// A mix of 32 bits whose every output bit depends on every input bit.
POSEIDON_DEVICE inline std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16U;
  x *= 0x7FEB352DU;
  x ^= x >> 15U;
  x *= 0x846CA68BU;
  x ^= x >> 16U;
  return x;
}

struct Drop {
  std::uint32_t key, threshold;
  float scale;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float x) const {
    return mixed(i ^ key) >= threshold ? x * scale : 0.0F;
  }
};

class CudaDropout final : public DropoutOperation {
 public:
  CudaDropout(const Context& context, double ratio, std::uint64_t seed, const TensorDescription& input)
      : device_(context.device),
        element_(arrangement_of(input).element),
        seed_(seed),
        threshold_(static_cast<std::uint32_t>(std::llround(ratio * 4294967295.0))),
        scale_(static_cast<float>(1 / (1 - ratio))) {}

  void forward(const Tensor& input, std::uint64_t step, Tensor& output) override { run(input, step, output); }
  void backward(const Tensor& output_gradient, std::uint64_t step, Tensor& input_gradient) override {
    run(output_gradient, step, input_gradient);
  }

 private:
  void run(const Tensor& from, std::uint64_t step, Tensor& to) {
    std::uint64_t key = seed_ + step * 0x9E3779B97F4A7C15;
    key = (key ^ (key >> 30U)) * 0xBF58476D1CE4E5B9;
    const Drop drop{static_cast<std::uint32_t>(key >> 32U), threshold_, scale_};
    with_element(element_, [&](auto zero) {
      using T = decltype(zero);
      transform(device_, from.count(), elements_of<T>(to), drop, elements_of<T>(from));
    });
  }

  Device& device_;
  const Element element_;
  const std::uint64_t seed_;
  const std::uint32_t threshold_;
  const float scale_;
};

}  // namespace

std::unique_ptr<DropoutOperation> make_dropout(const Context& context, double ratio, std::uint64_t seed,
                                               const TensorDescription& input) {
  return std::make_unique<CudaDropout>(context, ratio, seed, input);
}

}  // namespace poseidon::cuda
