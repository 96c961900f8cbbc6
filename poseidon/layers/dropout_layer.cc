// Dropout (Hinton et al., 2012): in training a share of the values is zeroed, the others grow; in the test phase
// nothing.

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class DropoutLayer final : public Layer {
 public:
  DropoutLayer(const LayerSpec& spec, Phase phase) : Layer(spec.name), active_(phase == Phase::kTrain) {
    LayerFields fields(spec, "dropout_param");
    ratio_ = fields->number("dropout_ratio", 0.5, {0, 1});
    if (ratio_ == 1) fields->fail("dropout_ratio", "must be less than 1");
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    return {inputs[0]};
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    operation_ = setup.backend.dropout(ratio_, setup.seed, setup.inputs[0]);
    setup.outputs[0] = setup.inputs[0];
  }

  void forward(const LayerIo& io) override {
    if (active_) {
      operation_->forward(io.inputs[0]->value, static_cast<std::uint64_t>(io.iteration), io.outputs[0]->value);
    } else if (io.inputs[0]->value.data() != io.outputs[0]->value.data()) {
      backend_->copy(io.inputs[0]->value, io.outputs[0]->value);
    }
  }

  void backward(const LayerIo& io) override {
    if (!io.inputs[0]->needs_gradient) return;
    operation_->backward(io.outputs[0]->gradient, static_cast<std::uint64_t>(io.iteration), io.inputs[0]->gradient);
  }

  [[nodiscard]] bool works_in_place() const override { return true; }

  /// Masks change.
  [[nodiscard]] bool repeats() const override { return !active_; }

 private:
  bool active_;
  double ratio_ = 0.5;
  Backend* backend_ = nullptr;
  std::unique_ptr<DropoutOperation> operation_;
};

}  // namespace

LayerPtr make_dropout_layer(const LayerSpec& spec, const LayerContext& context) {
  return std::make_unique<DropoutLayer>(spec, context.phase);
}

}  // namespace poseidon
