// Activations. Gradients by the output where it tells enough, so that an activation can work in place.

#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

struct Relu {
  float slope;  ///< where the input is negative; below 0 outputs have one sign, and only the input tells them apart
  [[nodiscard]] bool looks_at_input() const { return slope < 0; }
  POSEIDON_DEVICE float forward(float x) const { return x > 0 ? x : held_back(x); }
  POSEIDON_DEVICE float backward(float y, float dy) const { return y > 0 ? dy : (slope == 0 ? 0 : slope * dy); }
  /// Without a slope 0, of -infinity too; what is no number stays none.
  [[nodiscard]] POSEIDON_DEVICE float held_back(float x) const { return slope == 0 && x <= 0 ? 0 : slope * x; }
};

struct Sigmoid {
  [[nodiscard]] static bool looks_at_input() { return false; }
  POSEIDON_DEVICE float forward(float x) const { return 1 / (1 + expf(-x)); }
  POSEIDON_DEVICE float backward(float y, float dy) const { return dy * y * (1 - y); }
};

struct Tanh {
  [[nodiscard]] static bool looks_at_input() { return false; }
  POSEIDON_DEVICE float forward(float x) const { return tanhf(x); }
  POSEIDON_DEVICE float backward(float y, float dy) const { return dy * (1 - y * y); }
};

template <class Function>
struct Forward {
  Function function;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x) const { return function.forward(x); }
};

template <class Function>
struct Backward {
  Function function;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float y, float dy) const { return function.backward(y, dy); }
};

template <class Function>
class CudaActivation final : public UnaryOperation {
 public:
  CudaActivation(const Context& context, Function function, const TensorDescription& input)
      : device_(context.device), function_(function), output_(input) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      transform(device_, input.count(), elements_of<T>(output), Forward<Function>{function_}, elements_of<T>(input));
    });
  }

  void backward(const Tensor& input, const Tensor& output, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    const Tensor& seen = function_.looks_at_input() ? input : output;
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      transform(device_, output.count(), elements_of<T>(input_gradient), Backward<Function>{function_},
                elements_of<T>(seen), elements_of<T>(output_gradient));
    });
  }

 private:
  Device& device_;
  const Function function_;
  const TensorDescription output_;
};

}  // namespace

std::unique_ptr<UnaryOperation> make_activation(const Context& context, const ActivationOptions& options,
                                                const TensorDescription& input) {
  switch (options.kind) {
    case ActivationKind::kSigmoid:
      return std::make_unique<CudaActivation<Sigmoid>>(context, Sigmoid{}, input);
    case ActivationKind::kTanh:
      return std::make_unique<CudaActivation<Tanh>>(context, Tanh{}, input);
    case ActivationKind::kRelu:
    case ActivationKind::kLeakyRelu:
      break;
  }
  return std::make_unique<CudaActivation<Relu>>(context, Relu{static_cast<float>(options.negative_slope)}, input);
}

}  // namespace poseidon::cuda
