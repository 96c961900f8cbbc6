// Fully connected: every output is a weighted sum of all inputs of an example.

#include <utility>

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class InnerProductLayer final : public Layer {
 public:
  explicit InnerProductLayer(const LayerSpec& spec) : Layer(spec.name), spec_(spec) {
    LayerFields fields(spec, "inner_product_param");
    outputs_ = fields->integer("num_output", std::nullopt, kExtents);
    bias_ = fields->boolean("bias_term", true);
    weight_filler_ = read_filler(*fields, "weight_filler");
    bias_filler_ = read_filler(*fields, "bias_filler");
    if (fields->integer("axis", 1) != 1) fields->fail("axis", "must be 1: all axes after the batch are one vector");
    fields.finish(bias_ ? 2 : 1);
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    expect_rank(inputs[0], 2);
    const std::int64_t batch = inputs[0][0];
    const std::int64_t width = inputs[0].count(1, inputs[0].rank());
    parameters_.clear();
    parameters_.push_back({.name = "weight", .shape = {outputs_, width}, .filler = weight_filler_});
    if (bias_) parameters_.push_back({.name = "bias", .shape = {outputs_}, .filler = bias_filler_});
    apply_parameter_specs(spec_, parameters_);
    flops_ = 2 * batch * outputs_ * width + (bias_ ? batch * outputs_ : 0);
    return {{batch, outputs_}};
  }

  void set_up(LayerSetup& setup) override {
    operation_ = setup.backend.inner_product({.outputs = outputs_, .relu = spec_.relu}, setup.inputs[0]);
    setup.outputs[0] = operation_->output();
    unused_weight_gradient_ = make_unused_gradient(setup, parameters_);
  }

  void forward(const LayerIo& io) override {
    operation_->forward(io.inputs[0]->value, parameters_[0].value, bias_ ? &parameters_[1].value : nullptr,
                        io.outputs[0]->value);
  }

  void backward(const LayerIo& io) override {
    output_gradient_ = &io.outputs[0]->gradient;
    const bool left = parameter_gradients_left();
    Tensor* bias = !left && bias_ && !parameters_[1].gradient.empty() ? &parameters_[1].gradient : nullptr;
    if (spec_.relu) {
      operation_->backward_relu(io.outputs[0]->value, io.outputs[0]->gradient, std::exchange(bias, nullptr));
    }
    Tensor& weight = unused_weight_gradient_.empty() ? parameters_[0].gradient : unused_weight_gradient_;
    if (!weight.empty() && !left) operation_->backward_parameters(io.inputs[0]->value, *output_gradient_, weight, bias);
    if (io.inputs[0]->needs_gradient) {
      operation_->backward_input(*output_gradient_, parameters_[0].value, io.inputs[0]->gradient);
    }
  }

  [[nodiscard]] std::int64_t forward_flops() const override { return flops_; }
  [[nodiscard]] bool needs_output() const override { return spec_.relu; }

  [[nodiscard]] std::optional<SufficientFactors> sufficient_factors() const override {
    if (output_gradient_ == nullptr || parameters_[0].gradient.empty()) return std::nullopt;
    return SufficientFactors{&operation_->flat_input(), output_gradient_};
  }

  [[nodiscard]] bool has_sufficient_factors() const override { return parameters_[0].rate_factor != 0; }

 private:
  LayerSpec spec_;
  std::int64_t outputs_ = 0;
  bool bias_ = true;
  Filler weight_filler_, bias_filler_;
  std::int64_t flops_ = 0;
  std::unique_ptr<InnerProductOperation> operation_;
  Tensor unused_weight_gradient_;
  const Tensor* output_gradient_ = nullptr;  ///< of the last backward
};

}  // namespace

LayerPtr make_inner_product_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<InnerProductLayer>(spec);
}

}  // namespace poseidon
