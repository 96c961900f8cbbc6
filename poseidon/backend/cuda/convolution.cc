// Convolution: brings images and weights into the arrangement that a Convolver works in.

#include "poseidon/backend/cuda/convolver.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

Shape output_shape(const ConvolutionOptions& options, const Shape& input) {
  const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    return (size + 2 * pad - options.dilation * (kernel - 1) - 1) / stride + 1;
  };
  const Window& w = options.window;
  return {input[0], options.outputs, extent(input[2], w.kernel_height, w.stride_height, w.pad_height),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width)};
}

Shape weight_shape(const ConvolutionOptions& options, const Shape& input) {
  return {options.outputs, input[1] / options.groups, options.window.kernel_height, options.window.kernel_width};
}

class CudaConvolution final : public ConvolutionOperation {
 public:
  CudaConvolution(const Context& context, const ConvolutionOptions& options, const TensorDescription& input)
      : device_(context.device),
        input_(context.activation(input.shape)),
        output_(context.activation(output_shape(options, input.shape))),
        weight_(context.activation(weight_shape(options, input.shape))),
        convolver_(make_convolver(context, {.options = options,
                                            .input = input_.shape,
                                            .output = output_.shape,
                                            .weight = weight_.shape,
                                            .arrangement = context.activations})) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) override {
    const Tensor& images = rearranged(device_, input, input_, own_input_);
    const Tensor& filters = rearranged(device_, weight, weight_, own_weight_);
    convolver_->forward(images.data(), filters.data(), bias == nullptr ? nullptr : bias->data(), output.data());
  }

  void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) override {
    const bool as_it_is = arrangement_of(input_gradient.description()) == arrangement_of(input_);
    if (!as_it_is && own_input_gradient_.empty()) own_input_gradient_ = make_tensor(device_, input_);
    Tensor& target = as_it_is ? input_gradient : own_input_gradient_;
    const Tensor& filters = rearranged(device_, weight, weight_, own_weight_);
    convolver_->backward_input(output_gradient.data(), filters.data(), target.data());
    if (!as_it_is) rearrange(device_, target, input_gradient);
  }

  void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                           Tensor* bias_gradient) override {
    const bool as_it_is = arrangement_of(weight_gradient.description()) == arrangement_of(weight_);
    if (!as_it_is && own_weight_gradient_.empty()) own_weight_gradient_ = make_tensor(device_, weight_);
    Tensor& target = as_it_is ? weight_gradient : own_weight_gradient_;
    const Tensor& images = rearranged(device_, input, input_, own_input_);
    convolver_->backward_weight(images.data(), output_gradient.data(), target.data());
    if (!as_it_is) rearrange(device_, target, weight_gradient);
    if (bias_gradient != nullptr) sum_channels(device_, output_gradient, bias_gradient->data());
  }

 private:
  Device& device_;
  const TensorDescription input_, output_, weight_;  ///< as the convolver works
  const std::unique_ptr<Convolver> convolver_;
  Tensor own_input_, own_input_gradient_, own_weight_, own_weight_gradient_;  ///< where tensors are arranged otherwise
};

}  // namespace

std::unique_ptr<ConvolutionOperation> make_convolution(const Context& context, const ConvolutionOptions& options,
                                                       const TensorDescription& input) {
  return std::make_unique<CudaConvolution>(context, options, input);
}

}  // namespace poseidon::cuda
