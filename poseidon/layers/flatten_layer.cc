// Flatten: all axes after the batch become one.

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class FlattenLayer final : public Layer {
 public:
  explicit FlattenLayer(const LayerSpec& spec) : Layer(spec.name) {
    LayerFields fields(spec, "flatten_param");
    if (fields->integer("axis", 1) != 1) fields->fail("axis", "must be 1: the batch stays");
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    expect_rank(inputs[0], 1);
    return {{inputs[0][0], inputs[0].count(1, inputs[0].rank())}};
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    setup.outputs[0] = TensorDescription::row_major(infer(std::vector<Shape>{setup.inputs[0].shape})[0]);
  }

  void forward(const LayerIo& io) override { backend_->copy(io.inputs[0]->value, io.outputs[0]->value); }

  void backward(const LayerIo& io) override {
    if (io.inputs[0]->needs_gradient) backend_->copy(io.outputs[0]->gradient, io.inputs[0]->gradient);
  }

 private:
  Backend* backend_ = nullptr;
};

}  // namespace

LayerPtr make_flatten_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<FlattenLayer>(spec);
}

}  // namespace poseidon
