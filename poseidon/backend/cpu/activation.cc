// Activations: backward, and forward where it is costly, by oneDNN, whose forward makes numbers of what is none. That
// would hide it from every check behind it, so it is kept here.

#include <cmath>
#include <utility>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"
#include "poseidon/backend/cpu/unary_primitive.h"

namespace poseidon::cpu {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;
using Forward = dnnl::eltwise_forward;
using Backward = dnnl::eltwise_backward;

POSEIDON_VECTORISED void rectify(const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}

POSEIDON_VECTORISED void rectify_leaky(float slope, const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? slope * x[i] : x[i];
}

/// Backward is the primitive's.
class Activation : public UnaryOperation {
 public:
  explicit Activation(std::unique_ptr<UnaryOperation> primitive) : primitive_(std::move(primitive)) {}

  [[nodiscard]] const TensorDescription& output() const final { return primitive_->output(); }

  void backward(const Tensor& input, const Tensor& output, const Tensor& output_gradient,
                Tensor& input_gradient) final {
    primitive_->backward(input, output, output_gradient, input_gradient);
  }

 protected:
  [[nodiscard]] UnaryOperation& primitive() { return *primitive_; }

 private:
  const std::unique_ptr<UnaryOperation> primitive_;
};

class Relu final : public Activation {
 public:
  Relu(std::unique_ptr<UnaryOperation> primitive, double slope)
      : Activation(std::move(primitive)), slope_(static_cast<float>(slope)) {}

  void forward(const Tensor& input, Tensor& output) override {
    const float* const x = input.data();
    float* const y = output.data();
    parallel(stored_elements(output.description()), [&](std::size_t first, std::size_t end) {
      if (slope_ == 0) {
        rectify(x + first, y + first, end - first);
      } else {
        rectify_leaky(slope_, x + first, y + first, end - first);
      }
    });
  }

 private:
  const float slope_;
};

/// Sigmoid or tanh.
class Squashing final : public Activation {
 public:
  Squashing(std::unique_ptr<UnaryOperation> primitive, ActivationKind kind)
      : Activation(std::move(primitive)), kind_(kind) {}

  void forward(const Tensor& input, Tensor& output) override {
    if (are_numbers(input)) return primitive().forward(input, output);
    const std::size_t count = stored_elements(output.description());
    const float* const x = input.data();
    float* const y = output.data();  // rare, and may be slow
    for (std::size_t i = 0; i < count; ++i) {
      y[i] = kind_ == ActivationKind::kTanh ? std::tanh(x[i]) : 1 / (1 + std::exp(-x[i]));
    }
  }

 private:
  const ActivationKind kind_;
};

}  // namespace

std::unique_ptr<UnaryOperation> make_activation(const Device& device, const ActivationOptions& options,
                                                const TensorDescription& input) {
  // By the output, so that an activation can work in place; but that hides what a negative slope was given.
  const bool by_input = options.negative_slope < 0;
  const bool squashes = options.kind == ActivationKind::kSigmoid || options.kind == ActivationKind::kTanh;
  algorithm kind = by_input ? algorithm::eltwise_relu : algorithm::eltwise_relu_use_dst_for_bwd;
  if (options.kind == ActivationKind::kSigmoid) {
    kind = algorithm::eltwise_logistic_use_dst_for_bwd;
  } else if (options.kind == ActivationKind::kTanh) {
    kind = algorithm::eltwise_tanh_use_dst_for_bwd;
  }
  const dnnl::memory::desc desc = desc_of(input);
  const auto slope = static_cast<float>(options.negative_slope);
  const Forward::primitive_desc forward({prop_kind::forward_training, kind, desc, slope, 0.0F}, device.engine);
  const Backward::primitive_desc backward({kind, desc, desc, slope, 0.0F}, device.engine, forward);
  auto primitive = std::make_unique<UnaryPrimitive<Forward, Backward>>(
      device, input.shape, forward, backward, input, by_input ? BackwardReads::kInput : BackwardReads::kOutput);
  if (squashes) return std::make_unique<Squashing>(std::move(primitive), options.kind);
  return std::make_unique<Relu>(std::move(primitive), options.negative_slope);
}

}  // namespace poseidon::cpu
