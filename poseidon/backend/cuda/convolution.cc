// Convolution: brings images and weights into the arrangement that a Convolver works in.

#include <optional>

#include "poseidon/backend/cuda/convolver.h"
#include "poseidon/backend/cuda/folding.h"
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

/// A convolution of a net's first images on tensor cores: with the strides folded into channels.
struct FoldedConvolution {
  Folding images, weights;
  ConvolutionOptions options;  ///< what remains to be convolved
  Shape input;
};

std::optional<FoldedConvolution> folded(const Context& context, const ConvolutionOptions& options,
                                        const TensorDescription& input) {
  constexpr std::int64_t kFewChannels = 8;
  constexpr std::int64_t kStrideMax = 4;
  const Shape& shape = input.shape;
  const Window& w = options.window;
  const bool folds = context.activations.order == Order::kChannelsLast && input.is_row_major() && options.groups == 1 &&
                     options.dilation == 1 && shape[1] < kFewChannels && shape[2] * shape[3] > 1 &&
                     w.stride_height <= kStrideMax && w.stride_width <= kStrideMax;
  if (!folds) return std::nullopt;
  FoldedConvolution result{.images = {}, .weights = {}, .options = options, .input = shape};
  const bool strides = w.stride_height > 1 || w.stride_width > 1;
  if (strides) {
    const Shape output = output_shape(options, shape);
    const Window window{.kernel_height = (w.kernel_height + w.stride_height - 1) / w.stride_height,
                        .kernel_width = (w.kernel_width + w.stride_width - 1) / w.stride_width};
    const Folding weights{.stride_height = static_cast<int>(w.stride_height),
                          .stride_width = static_cast<int>(w.stride_width)};
    result.weights = weights;
    result.images = weights;
    result.images.pad_height = static_cast<int>(w.pad_height);
    result.images.pad_width = static_cast<int>(w.pad_width);
    result.options.window = window;
    result.input.set(2, output[2] - 1 + window.kernel_height);
    result.input.set(3, output[3] - 1 + window.kernel_width);
  }
  result.input.set(1, packed_channels(shape[1] * w.stride_height * w.stride_width, context.activations.element));
  return result;
}

Shape weight_shape(const ConvolutionOptions& options, const Shape& input) {
  return {options.outputs, input[1] / options.groups, options.window.kernel_height, options.window.kernel_width};
}

class CudaConvolution final : public ConvolutionOperation {
 public:
  CudaConvolution(const Context& context, const ConvolutionOptions& options, const TensorDescription& input)
      : device_(context.device),
        folded_(folded(context, options, input)),
        input_(context.activation(folded_ ? folded_->input : input.shape)),
        output_(context.activation(output_shape(options, input.shape))),
        weight_(context.activation(weight_shape(folded_ ? folded_->options : options, input_.shape))),
        convolver_(make_convolver(context, {.options = folded_ ? folded_->options : options,
                                            .input = input_.shape,
                                            .output = output_.shape,
                                            .weight = weight_.shape,
                                            .arrangement = context.activations})) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) override {
    const Tensor& images = brought(input, input_, folded_ ? &folded_->images : nullptr, own_input_);
    const Tensor& filters = brought(weight, weight_, folded_ ? &folded_->weights : nullptr, own_weight_);
    convolver_->forward(images.data(), filters.data(), bias, output.data());
  }

  void backward_relu(const Tensor& output, Tensor& output_gradient, Tensor* bias_gradient) override {
    pass_relu(device_, output, output_gradient, bias_gradient == nullptr ? nullptr : bias_gradient->data());
  }

  void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) override {
    Tensor& target = target_for(input_gradient, input_, own_input_gradient_);
    const Tensor& filters = own_weight_.empty() ? weight : own_weight_;  // as forward left them
    convolver_->backward_input(output_gradient.data(), filters.data(), target.data());
    take_back(target, folded_ ? &folded_->images : nullptr, input_gradient);
  }

  void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                           Tensor* bias_gradient) override {
    Tensor& target = target_for(weight_gradient, weight_, own_weight_gradient_);
    const Tensor& images = own_input_.empty() ? input : own_input_;  // as forward left them
    convolver_->backward_weight(images.data(), output_gradient.data(), target.data());
    take_back(target, folded_ ? &folded_->weights : nullptr, weight_gradient);
    if (bias_gradient != nullptr) sum_channels(device_, output_gradient, bias_gradient->data());
  }

 private:
  /// The tensor as the convolver takes it: itself, or `own` after it was copied there.
  const Tensor& brought(const Tensor& tensor, const TensorDescription& wanted, const Folding* folding, Tensor& own) {
    if (folding == nullptr) return rearranged(device_, tensor, wanted, own);
    if (own.empty()) own = make_tensor(device_, wanted);
    fold_places(device_, *folding, tensor, own);
    return own;
  }

  Tensor& target_for(Tensor& tensor, const TensorDescription& wanted, Tensor& own) {
    if (!folded_ && arrangement_of(tensor.description()) == arrangement_of(wanted)) return tensor;
    if (own.empty()) own = make_tensor(device_, wanted);
    return own;
  }

  void take_back(const Tensor& target, const Folding* folding, Tensor& tensor) {
    if (&target == &tensor) return;
    if (folding != nullptr) {
      unfold_places(device_, *folding, target, tensor);
    } else {
      rearrange(device_, target, tensor);
    }
  }

  Device& device_;
  const std::optional<FoldedConvolution> folded_;
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
