// Accuracy: the share of examples whose label is among the top_k largest scores. Computed by the host: it is for
// people.

#include <fmt/format.h>

#include <vector>

#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

class AccuracyLayer final : public Layer {
 public:
  explicit AccuracyLayer(const LayerSpec& spec) : Layer(spec.name) {
    LayerFields fields(spec, "accuracy_param");
    top_k_ = fields->integer("top_k", 1, kExtents);
    if (fields->integer("axis", 1) != 1) fields->fail("axis", "must be 1, the channels");
    if (fields->has("ignore_label")) ignored_ = fields->integer("ignore_label", std::nullopt);
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 2);
    expect_rank(inputs[0], 2);
    const std::int64_t positions = inputs[0].count() / inputs[0][1];
    if (inputs[1].count() != positions) {
      refuse_shape(fmt::format("{} labels for {} positions of {}", inputs[1].count(), positions, inputs[0].text()));
    }
    if (top_k_ > inputs[0][1]) refuse_shape(fmt::format("top_k is {}, but there are {} classes", top_k_, inputs[0][1]));
    return {{1}};
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    setup.outputs[0] = TensorDescription::row_major({1});
  }

  void forward(const LayerIo& io) override {
    const Tensor& input = io.inputs[0]->value;
    scores_.resize(static_cast<std::size_t>(input.count()));
    labels_.resize(static_cast<std::size_t>(io.inputs[1]->value.count()));
    backend_->download(input, scores_);
    backend_->download(io.inputs[1]->value, labels_);
    const std::int64_t classes = input.shape()[1];
    const std::int64_t inner = input.shape().count(2, input.shape().rank());
    std::int64_t right = 0;
    std::int64_t counted = 0;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(labels_.size()); ++i) {
      const auto label = static_cast<std::int64_t>(labels_[static_cast<std::size_t>(i)]);
      if (ignored_ && label == *ignored_) continue;
      ++counted;
      right += is_right(i / inner * classes * inner + i % inner, inner, classes, label) ? 1 : 0;
    }
    const float share = counted == 0 ? 0 : static_cast<float>(right) / static_cast<float>(counted);
    backend_->upload({&share, 1}, io.outputs[0]->value);
  }

  void backward(const LayerIo& /*io*/) override {}

  [[nodiscard]] bool repeats() const override { return false; }

  [[nodiscard]] bool is_measure() const override { return true; }

 private:
  // Ties count against the label, as in Caffe: a net that knows nothing is right by no chance. So do scores that are no
  // numbers.
  [[nodiscard]] bool is_right(std::int64_t first, std::int64_t step, std::int64_t classes, std::int64_t label) const {
    if (label < 0 || label >= classes) return false;
    const float own = scores_[static_cast<std::size_t>(first + label * step)];
    std::int64_t better = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      better += k == label || scores_[static_cast<std::size_t>(first + k * step)] < own ? 0 : 1;
    }
    return better < top_k_ && own == own;
  }

  std::int64_t top_k_ = 1;
  std::optional<std::int64_t> ignored_;
  Backend* backend_ = nullptr;
  std::vector<float> scores_, labels_;
};

}  // namespace

LayerPtr make_accuracy_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<AccuracyLayer>(spec);
}

}  // namespace poseidon
