// SoftmaxWithLoss: the multinomial logistic loss of the softmax of scores, by integer labels.

#include <fmt/format.h>

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class SoftmaxLossLayer final : public Layer {
 public:
  explicit SoftmaxLossLayer(const LayerSpec& spec) : Layer(spec.name) {
    LayerFields fields(spec, "loss_param");
    fields.accept({"softmax_param"});
    expect_softmax_over_channels(Fields(spec.node, "layer").child("softmax_param"));
    if (fields->has("ignore_label")) options_.ignored_label = fields->integer("ignore_label", std::nullopt);
    using Normalisation = SoftmaxLossOptions::Normalisation;
    const std::size_t fallback = fields->boolean("normalize", true) ? 1 : 2;
    options_.normalisation =
        static_cast<Normalisation>(fields->choice("normalization", {"FULL", "VALID", "BATCH_SIZE", "NONE"}, fallback));
    fields.finish();
    if (!spec.loss_weights.empty()) weight_ = spec.loss_weights.front();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 2);
    expect_rank(inputs[0], 2);
    const std::int64_t positions = inputs[0].count() / inputs[0][1];
    if (inputs[1].count() != positions) {
      refuse_shape(fmt::format("{} labels for {} positions of {}", inputs[1].count(), positions, inputs[0].text()));
    }
    return {{1}};
  }

  void set_up(LayerSetup& setup) override {
    operation_ = setup.backend.softmax_loss(options_, setup.inputs[0]);
    probabilities_ = setup.backend.make(TensorDescription::row_major(setup.inputs[0].shape));
    setup.outputs[0] = TensorDescription::row_major({1});
  }

  void forward(const LayerIo& io) override {
    operation_->forward(io.inputs[0]->value, io.inputs[1]->value, probabilities_, io.outputs[0]->value);
  }

  void check() const override { operation_->check(); }

  void backward(const LayerIo& io) override {
    if (!io.inputs[0]->needs_gradient) return;
    operation_->backward(probabilities_, io.inputs[1]->value, weight_, io.inputs[0]->gradient);
  }

  [[nodiscard]] bool is_loss() const override { return true; }
  [[nodiscard]] double loss_weight() const override { return weight_; }
  /// Also one that weighs nothing, as it is there to be watched.
  [[nodiscard]] bool is_measure() const override { return true; }

 private:
  SoftmaxLossOptions options_;
  double weight_ = 1;
  std::unique_ptr<SoftmaxLossOperation> operation_;
  Tensor probabilities_;
};

}  // namespace

LayerPtr make_softmax_loss_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<SoftmaxLossLayer>(spec);
}

}  // namespace poseidon
