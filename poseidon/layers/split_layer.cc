// Split: one input for several readers; their gradients are added up. The net puts it in where an output has several
// readers.

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class SplitLayer final : public Layer {
 public:
  explicit SplitLayer(const LayerSpec& spec) : Layer(spec.name), outputs_(spec.tops.size()) {
    LayerFields(spec, "").finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    return std::vector<Shape>(outputs_, inputs[0]);
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    for (TensorDescription& output : setup.outputs) output = setup.inputs[0];
  }

  void forward(const LayerIo& /*io*/) override {}

  void backward(const LayerIo& io) override {
    if (!io.inputs[0]->needs_gradient) return;
    bool first = true;
    for (const Blob* const output : io.outputs) {
      if (output->gradient.empty()) continue;  // read by something that has no gradient to give
      if (first) {
        backend_->copy(output->gradient, io.inputs[0]->gradient);
      } else {
        backend_->add_scaled(1, output->gradient, io.inputs[0]->gradient);
      }
      first = false;
    }
    if (first) backend_->fill(io.inputs[0]->gradient, 0);
  }

  [[nodiscard]] bool shares_input() const override { return true; }

 private:
  std::size_t outputs_;
  Backend* backend_ = nullptr;
};

}  // namespace

LayerPtr make_split_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<SplitLayer>(spec);
}

}  // namespace poseidon
