// Batch normalisation by oneDNN.

#include <optional>
#include <unordered_map>

#include "poseidon/backend/cpu/operations.h"

namespace poseidon::cpu {
namespace {

using dnnl::batch_normalization_backward;
using dnnl::batch_normalization_forward;
using dnnl::memory;
using dnnl::normalization_flags;
using dnnl::prop_kind;

class CpuBatchNormalisation final : public BatchNormalisationOperation {
 public:
  CpuBatchNormalisation(const Device& device, double epsilon, const TensorDescription& input)
      : device_(device),
        epsilon_(static_cast<float>(epsilon)),
        desc_(desc_of(input)),
        output_(input),
        input_(device, desc_),
        result_(device, desc_),
        input_gradient_(device, desc_),
        output_gradient_(device, desc_) {
    const memory::desc channels = plain_desc({input.shape[1]});
    for (Slot* slot : {&scale_, &shift_, &mean_, &variance_, &scale_gradient_, &shift_gradient_})
      *slot = Slot(device, channels);
    unused_scale_gradient_ = memory(channels, device.engine);
    unused_shift_gradient_ = memory(channels, device.engine);
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward_train(const Tensor& input, const Tensor* scale, const Tensor* shift, Tensor& mean, Tensor& variance,
                     Tensor& output) override {
    run_forward(train_, prop_kind::forward_training, {}, input, scale, shift, mean, variance, output);
  }

  void forward_test(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                    const Tensor& variance, Tensor& output) override {
    run_forward(test_, prop_kind::forward_inference, normalization_flags::use_global_stats, input, scale, shift, mean,
                variance, output);
  }

  void backward(const Tensor& input, const Tensor* scale, const Tensor* /*shift*/, const Tensor& mean,
                const Tensor& variance, const Tensor& output_gradient, Tensor& input_gradient, Tensor* scale_gradient,
                Tensor* shift_gradient) override {
    if (!backward_) {
      const normalization_flags flags = flags_of(scale);
      const auto hint = forward_descriptor(prop_kind::forward_training, flags);
      const prop_kind kind = scale != nullptr ? prop_kind::backward : prop_kind::backward_data;
      backward_.emplace(
          batch_normalization_backward::primitive_desc({kind, desc_, desc_, epsilon_, flags}, device_.engine, hint));
    }
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, input_.at(input)},
                                              {DNNL_ARG_MEAN, mean_.at(mean)},
                                              {DNNL_ARG_VARIANCE, variance_.at(variance)},
                                              {DNNL_ARG_DIFF_DST, output_gradient_.at(output_gradient)},
                                              {DNNL_ARG_DIFF_SRC, input_gradient_.at(input_gradient)}};
    if (scale != nullptr) {
      arguments.emplace(DNNL_ARG_SCALE, scale_.at(*scale));
      arguments.emplace(DNNL_ARG_SHIFT, unused_shift_gradient_);  // oneDNN 2.6 wants one, and does not read it
      arguments.emplace(DNNL_ARG_DIFF_SCALE,
                        scale_gradient != nullptr ? scale_gradient_.at(*scale_gradient) : unused_scale_gradient_);
      arguments.emplace(DNNL_ARG_DIFF_SHIFT,
                        shift_gradient != nullptr ? shift_gradient_.at(*shift_gradient) : unused_shift_gradient_);
    }
    backward_->execute(device_.stream, arguments);
  }

 private:
  /// Scale and shift come together, or not at all.
  static normalization_flags flags_of(const Tensor* scale) {
    return scale != nullptr ? normalization_flags::use_scale | normalization_flags::use_shift
                            : normalization_flags::none;
  }

  [[nodiscard]] batch_normalization_forward::primitive_desc forward_descriptor(prop_kind kind,
                                                                               normalization_flags flags) const {
    return {{kind, desc_, epsilon_, flags}, device_.engine};
  }

  void run_forward(std::optional<batch_normalization_forward>& primitive, prop_kind kind, normalization_flags flags,
                   const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                   const Tensor& variance, Tensor& output) {
    if (!primitive) primitive.emplace(forward_descriptor(kind, flags | flags_of(scale)));
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, input_.at(input)},
                                              {DNNL_ARG_MEAN, mean_.at(mean)},
                                              {DNNL_ARG_VARIANCE, variance_.at(variance)},
                                              {DNNL_ARG_DST, result_.at(output)}};
    if (scale != nullptr) {
      arguments.emplace(DNNL_ARG_SCALE, scale_.at(*scale));
      arguments.emplace(DNNL_ARG_SHIFT, shift_.at(*shift));
    }
    primitive->execute(device_.stream, arguments);
  }

  const Device& device_;
  const float epsilon_;
  const memory::desc desc_;
  const TensorDescription output_;
  std::optional<batch_normalization_forward> train_, test_;
  std::optional<batch_normalization_backward> backward_;
  Slot input_, result_, input_gradient_, output_gradient_;
  Slot scale_, shift_, mean_, variance_, scale_gradient_, shift_gradient_;
  memory unused_scale_gradient_, unused_shift_gradient_;
};

}  // namespace

std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Device& device, double epsilon,
                                                                      const TensorDescription& input) {
  return std::make_unique<CpuBatchNormalisation>(device, epsilon, input);
}

}  // namespace poseidon::cpu
