// Concat and Eltwise: several inputs to one output.

#include <fmt/format.h>

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class MergeLayer : public Layer {
 public:
  using Layer::Layer;

  void set_up(LayerSetup& setup) override {
    operation_ = make_operation(setup.backend, setup.inputs);
    setup.outputs[0] = operation_->output();
  }

  void forward(const LayerIo& io) override {
    collect(io);
    operation_->forward(values_, io.outputs[0]->value);
  }

  void backward(const LayerIo& io) override {
    collect(io);
    gradients_.clear();
    for (Blob* const blob : io.inputs) gradients_.push_back(blob->needs_gradient ? &blob->gradient : nullptr);
    operation_->backward(values_, io.outputs[0]->value, io.outputs[0]->gradient, gradients_);
  }

 protected:
  virtual std::unique_ptr<MergeOperation> make_operation(Backend& backend,
                                                         std::span<const TensorDescription> inputs) = 0;

 private:
  void collect(const LayerIo& io) {
    values_.clear();
    for (const Blob* const blob : io.inputs) values_.push_back(&blob->value);
  }

  std::unique_ptr<MergeOperation> operation_;
  std::vector<const Tensor*> values_;
  std::vector<Tensor*> gradients_;
};

class ConcatLayer final : public MergeLayer {
 public:
  explicit ConcatLayer(const LayerSpec& spec) : MergeLayer(spec.name) {
    LayerFields fields(spec, "concat_param");
    axis_ = static_cast<int>(fields->integer("axis", fields->integer("concat_dim", 1, {0, 8}), {-8, 8}));
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    if (inputs.empty()) refuse_shape("needs inputs (bottom)");
    Shape output = inputs[0];
    if (axis_ >= output.rank() || axis_ < -output.rank())
      refuse_shape(fmt::format("{} has no axis {}", output.text(), axis_));
    std::int64_t extent = 0;
    for (const Shape& input : inputs) {
      Shape same = input;
      if (input.rank() == output.rank()) same.set(axis_, output[axis_]);
      if (!(same == inputs[0])) {
        refuse_shape(fmt::format("{} and {} differ in more than axis {}", inputs[0].text(), input.text(), axis_));
      }
      extent += input[axis_];
    }
    output.set(axis_, extent);
    return {output};
  }

 protected:
  std::unique_ptr<MergeOperation> make_operation(Backend& backend, std::span<const TensorDescription> inputs) override {
    return backend.concat(axis_ < 0 ? axis_ + inputs[0].shape.rank() : axis_, inputs);
  }

 private:
  int axis_ = 1;
};

class EltwiseLayer final : public MergeLayer {
 public:
  explicit EltwiseLayer(const LayerSpec& spec) : MergeLayer(spec.name) {
    LayerFields fields(spec, "eltwise_param");
    options_.operation = static_cast<EltwiseOptions::Operation>(fields->choice("operation", {"PROD", "SUM", "MAX"}, 1));
    options_.coefficients = fields->numbers("coeff", kFloats);
    options_.relu = spec.relu;
    if (!options_.coefficients.empty()) {
      if (options_.operation != EltwiseOptions::Operation::kSum) fields->fail("coeff", "belongs to the operation SUM");
      if (options_.coefficients.size() != spec.bottoms.size()) {
        fields->fail("coeff",
                     fmt::format("has {} values for {} inputs", options_.coefficients.size(), spec.bottoms.size()));
      }
    }
    static_cast<void>(fields->boolean("stable_prod_grad", true));
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    if (inputs.size() < 2) refuse_shape("takes two inputs (bottom) or more");
    for (const Shape& input : inputs) {
      if (!(input == inputs[0]))
        refuse_shape(fmt::format("its inputs differ: {} and {}", inputs[0].text(), input.text()));
    }
    flops_ = inputs[0].count() * static_cast<std::int64_t>(inputs.size());
    return {inputs[0]};
  }

  [[nodiscard]] bool needs_output() const override {
    return options_.relu || options_.operation != EltwiseOptions::Operation::kSum;
  }
  [[nodiscard]] std::int64_t forward_flops() const override { return flops_; }

 protected:
  std::unique_ptr<MergeOperation> make_operation(Backend& backend, std::span<const TensorDescription> inputs) override {
    return backend.eltwise(options_, inputs);
  }

 private:
  EltwiseOptions options_;
  std::int64_t flops_ = 0;
};

}  // namespace

LayerPtr make_concat_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<ConcatLayer>(spec);
}

LayerPtr make_eltwise_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<EltwiseLayer>(spec);
}

}  // namespace poseidon
