// Convolution: groups, stride, padding, dilation.

#include <fmt/format.h>

#include <utility>

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

std::int64_t output_extent(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                           std::int64_t dilation) {
  const std::int64_t reach = dilation * (kernel - 1) + 1;
  const std::int64_t room = input + 2 * pad - reach;
  if (room < 0)
    refuse_shape(fmt::format("a kernel of {} does not fit into {} with a padding of {}", reach, input, pad));
  return room / stride + 1;
}

class ConvolutionLayer final : public Layer {
 public:
  explicit ConvolutionLayer(const LayerSpec& spec) : Layer(spec.name), spec_(spec) {
    LayerFields fields(spec, "convolution_param");
    options_.outputs = fields->integer("num_output", std::nullopt, kExtents);
    options_.bias = fields->boolean("bias_term", true);
    options_.groups = fields->integer("group", 1, kExtents);
    options_.dilation = fields->integer("dilation", 1, kExtents);
    options_.window = read_window(*fields);
    options_.relu = spec.relu;
    weight_filler_ = read_filler(*fields, "weight_filler");
    bias_filler_ = read_filler(*fields, "bias_filler");
    static_cast<void>(fields->text("engine", ""));
    fields.finish(options_.bias ? 2 : 1);
    if (options_.window.kernel_height < 1 || options_.window.kernel_width < 1) {
      fields->fail("kernel_size", "must be given: kernel_size, or kernel_h and kernel_w");
    }
    if (options_.outputs % options_.groups != 0) {
      fields->fail("group",
                   fmt::format("num_output {} can't be divided into {} groups", options_.outputs, options_.groups));
    }
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    const Shape& input = inputs[0];
    if (input.rank() != 4)
      refuse_shape(fmt::format("takes images (batch x channels x height x width), not {}", input.text()));
    const std::int64_t channels = input[1];
    if (channels % options_.groups != 0) {
      refuse_shape(fmt::format("{} channels can't be divided into {} groups", channels, options_.groups));
    }
    const Window& w = options_.window;
    const Shape output{input[0], options_.outputs,
                       output_extent(input[2], w.kernel_height, w.stride_height, w.pad_height, options_.dilation),
                       output_extent(input[3], w.kernel_width, w.stride_width, w.pad_width, options_.dilation)};
    const Shape weight{options_.outputs, channels / options_.groups, w.kernel_height, w.kernel_width};
    parameters_.clear();
    parameters_.push_back({.name = "weight", .shape = weight, .filler = weight_filler_});
    if (options_.bias) parameters_.push_back({.name = "bias", .shape = {options_.outputs}, .filler = bias_filler_});
    apply_parameter_specs(spec_, parameters_);
    flops_ = 2 * output.count() * weight.count(1, 4) + (options_.bias ? output.count() : 0);
    return {output};
  }

  void set_up(LayerSetup& setup) override {
    operation_ = setup.backend.convolution(options_, setup.inputs[0]);
    setup.outputs[0] = operation_->output();
    unused_weight_gradient_ = make_unused_gradient(setup, parameters_);
  }

  void forward(const LayerIo& io) override {
    operation_->forward(io.inputs[0]->value, parameters_[0].value, options_.bias ? &parameters_[1].value : nullptr,
                        io.outputs[0]->value);
  }

  void backward(const LayerIo& io) override {
    Tensor& output_gradient = io.outputs[0]->gradient;
    Tensor* bias = options_.bias && !parameters_[1].gradient.empty() ? &parameters_[1].gradient : nullptr;
    if (options_.relu) operation_->backward_relu(io.outputs[0]->value, output_gradient, std::exchange(bias, nullptr));
    Tensor& weight = unused_weight_gradient_.empty() ? parameters_[0].gradient : unused_weight_gradient_;
    if (!weight.empty()) operation_->backward_parameters(io.inputs[0]->value, output_gradient, weight, bias);
    if (io.inputs[0]->needs_gradient) {
      operation_->backward_input(output_gradient, parameters_[0].value, io.inputs[0]->gradient);
    }
  }

  [[nodiscard]] std::int64_t forward_flops() const override { return flops_; }
  [[nodiscard]] bool needs_output() const override { return options_.relu; }

 private:
  LayerSpec spec_;
  ConvolutionOptions options_;
  Filler weight_filler_, bias_filler_;
  std::int64_t flops_ = 0;
  std::unique_ptr<ConvolutionOperation> operation_;
  Tensor unused_weight_gradient_;
};

}  // namespace

LayerPtr make_convolution_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<ConvolutionLayer>(spec);
}

}  // namespace poseidon
