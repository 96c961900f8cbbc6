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
    gradients_.clear();
    for (const Blob* const output : io.outputs) {
      if (!output->gradient.empty()) gradients_.push_back(&output->gradient);  // others have no gradient to give
    }
    Tensor& sum = io.inputs[0]->gradient;
    if (gradients_.empty()) return backend_->fill(sum, 0);
    if (gradients_.size() == 1) return backend_->copy(*gradients_[0], sum);
    if (!sum_) {
      sum_ = backend_->eltwise({}, std::vector<TensorDescription>(gradients_.size(), gradients_[0]->description()));
    }
    sum_->forward(gradients_, sum);
  }

  [[nodiscard]] bool shares_input() const override { return true; }

 private:
  std::size_t outputs_;
  Backend* backend_ = nullptr;
  std::vector<const Tensor*> gradients_;  ///< of the outputs that have one
  std::unique_ptr<MergeOperation> sum_;   ///< of them, where there are several
};

}  // namespace

LayerPtr make_split_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<SplitLayer>(spec);
}

}  // namespace poseidon
