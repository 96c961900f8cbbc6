// Convolution by oneDNN, in the arrangements that its primitives like best.

#include <optional>

#include "poseidon/backend/cpu/operations.h"

namespace poseidon::cpu {
namespace {

using dnnl::convolution_backward_data;
using dnnl::convolution_backward_weights;
using dnnl::convolution_forward;
using dnnl::memory;

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

Shape output_shape(const ConvolutionOptions& options, const Shape& input) {
  const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    return (size + 2 * pad - options.dilation * (kernel - 1) - 1) / stride + 1;
  };
  const Window& w = options.window;
  return {input[0], options.outputs, extent(input[2], w.kernel_height, w.stride_height, w.pad_height),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width)};
}

/// As oneDNN wants weights: with an axis of their own for groups.
Shape weight_shape(const ConvolutionOptions& options, const Shape& input) {
  const Window& w = options.window;
  const std::int64_t g = options.groups;
  if (g == 1) return {options.outputs, input[1], w.kernel_height, w.kernel_width};
  return {g, options.outputs / g, input[1] / g, w.kernel_height, w.kernel_width};
}

class CpuConvolution final : public ConvolutionOperation {
 public:
  CpuConvolution(const Device& device, const ConvolutionOptions& options, const TensorDescription& input)
      : device_(device), weight_shape_(weight_shape(options, input.shape)), bias_(options.bias) {
    const Shape& in = input.shape;
    const Shape out = output_shape(options, in);
    const Window& w = options.window;
    const memory::dims strides{w.stride_height, w.stride_width};
    const memory::dims dilates{options.dilation - 1, options.dilation - 1};
    const memory::dims pad_begin{w.pad_height, w.pad_width};
    // What a kernel reaches beyond the image at its far end; less than the padding where the stride leaves some out.
    const memory::dims pad_end{
        far_padding(in[2], out[2], w.kernel_height, w.stride_height, w.pad_height, options.dilation),
        far_padding(in[3], out[3], w.kernel_width, w.stride_width, w.pad_width, options.dilation)};
    const memory::desc bias = bias_ ? plain_desc({options.outputs}) : memory::desc();
    forward_pd_ = convolution_forward::primitive_desc(
        {dnnl::prop_kind::forward_training, kAlgorithm, any_desc(in), any_desc(weight_shape_), bias, any_desc(out),
         strides, dilates, pad_begin, pad_end},
        device.engine);
    data_pd_ = convolution_backward_data::primitive_desc(
        {kAlgorithm, any_desc(in), any_desc(weight_shape_), any_desc(out), strides, dilates, pad_begin, pad_end},
        device.engine, forward_pd_);
    weights_pd_ = convolution_backward_weights::primitive_desc(
        {kAlgorithm, any_desc(in), any_desc(weight_shape_), bias, any_desc(out), strides, dilates, pad_begin, pad_end},
        device.engine, forward_pd_);
    output_ = description_of(out, forward_pd_.dst_desc());
    connect(desc_of(input));
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) override {
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, forward_input_.input(device_, input)},
                                              {DNNL_ARG_WEIGHTS, forward_weight_.input(device_, weight)},
                                              {DNNL_ARG_DST, forward_output_.output(output)}};
    if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, bias_slot_.at(*bias));
    forward_->execute(device_.stream, arguments);
  }

  void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) override {
    data_->execute(device_.stream, {{DNNL_ARG_DIFF_DST, data_output_.input(device_, output_gradient)},
                                    {DNNL_ARG_WEIGHTS, data_weight_.input(device_, weight)},
                                    {DNNL_ARG_DIFF_SRC, data_input_.output(input_gradient)}});
    data_input_.deliver(device_, input_gradient);
  }

  void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                           Tensor* bias_gradient) override {
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, weights_input_.input(device_, input)},
                                              {DNNL_ARG_DIFF_DST, weights_output_.input(device_, output_gradient)},
                                              {DNNL_ARG_DIFF_WEIGHTS, weights_weight_.output(weight_gradient)}};
    if (bias_) {
      arguments.emplace(DNNL_ARG_DIFF_BIAS,
                        bias_gradient != nullptr ? bias_gradient_slot_.at(*bias_gradient) : unused_bias_gradient_);
    }
    weights_->execute(device_.stream, arguments);
    weights_weight_.deliver(device_, weight_gradient);
  }

 private:
  static std::int64_t far_padding(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                                  std::int64_t pad, std::int64_t dilation) {
    return (out - 1) * stride + dilation * (kernel - 1) + 1 - in - pad;
  }

  void connect(const memory::desc& input) {
    const memory::desc weight = plain_desc(weight_shape_);
    const memory::desc output = forward_pd_.dst_desc();
    forward_.emplace(forward_pd_);
    forward_input_ = Argument(device_, input, forward_pd_.src_desc());
    forward_weight_ = Argument(device_, weight, forward_pd_.weights_desc());
    forward_output_ = Argument(device_, output, output);
    data_.emplace(data_pd_);
    data_output_ = Argument(device_, output, data_pd_.diff_dst_desc());
    data_weight_ = Argument(device_, weight, data_pd_.weights_desc());
    data_input_ = Argument(device_, input, data_pd_.diff_src_desc());
    weights_.emplace(weights_pd_);
    weights_input_ = Argument(device_, input, weights_pd_.src_desc());
    weights_output_ = Argument(device_, output, weights_pd_.diff_dst_desc());
    weights_weight_ = Argument(device_, weight, weights_pd_.diff_weights_desc());
    if (!bias_) return;
    bias_slot_ = Slot(device_, forward_pd_.bias_desc());
    bias_gradient_slot_ = Slot(device_, weights_pd_.diff_bias_desc());
    unused_bias_gradient_ = memory(weights_pd_.diff_bias_desc(), device_.engine);
  }

  const Device& device_;
  const Shape weight_shape_;
  const bool bias_;
  TensorDescription output_;
  convolution_forward::primitive_desc forward_pd_;
  convolution_backward_data::primitive_desc data_pd_;
  convolution_backward_weights::primitive_desc weights_pd_;
  std::optional<convolution_forward> forward_;
  std::optional<convolution_backward_data> data_;
  std::optional<convolution_backward_weights> weights_;
  Argument forward_input_, forward_weight_, forward_output_;
  Argument data_output_, data_weight_, data_input_;
  Argument weights_input_, weights_output_, weights_weight_;
  Slot bias_slot_, bias_gradient_slot_;
  memory unused_bias_gradient_;
};

}  // namespace

std::unique_ptr<ConvolutionOperation> make_convolution(const Device& device, const ConvolutionOptions& options,
                                                       const TensorDescription& input) {
  return std::make_unique<CpuConvolution>(device, options, input);
}

}  // namespace poseidon::cpu
