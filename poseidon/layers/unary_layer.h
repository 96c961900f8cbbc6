#pragma once

// Layers of one input and one output that are one operation of the backend.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "poseidon/layer.h"
#include "poseidon/layers/layer_fields.h"

namespace poseidon {

class UnaryLayer : public Layer {
 public:
  using Layer::Layer;

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    flops_ = inputs[0].count();
    return {inputs[0]};
  }

  void set_up(LayerSetup& setup) override {
    operation_ = make_operation(setup.backend, setup.inputs[0]);
    setup.outputs[0] = operation_->output();
  }

  void forward(const LayerIo& io) override { operation_->forward(io.inputs[0]->value, io.outputs[0]->value); }

  void backward(const LayerIo& io) override {
    if (!io.inputs[0]->needs_gradient) return;
    operation_->backward(io.inputs[0]->value, io.outputs[0]->value, io.outputs[0]->gradient, io.inputs[0]->gradient);
  }

  [[nodiscard]] bool needs_output() const override { return true; }
  [[nodiscard]] std::int64_t forward_flops() const override { return flops_; }

 protected:
  virtual std::unique_ptr<UnaryOperation> make_operation(Backend& backend, const TensorDescription& input) = 0;

  std::int64_t flops_ = 0;

 private:
  std::unique_ptr<UnaryOperation> operation_;
};

}  // namespace poseidon
