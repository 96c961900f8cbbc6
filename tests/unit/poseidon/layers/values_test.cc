// What single layers compute, by numbers worked out by hand, where the operation's own tests can't see it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/layers/registry.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;
using testing::Pointwise;

using Values = std::vector<float>;

/// A layer with memory for its inputs and outputs.
class LayerBench {
 public:
  LayerBench(const std::string& fields, const std::vector<Shape>& inputs, Phase phase = Phase::kTrain) {
    const NetSpec net = parse_net_spec("layer:\n  - {name: a, " + fields + "}\n", "net.yaml");
    layer_ = make_layer(net.layers.at(0), {.phase = phase});
    const std::vector<Shape> outputs = layer_->infer(inputs);
    LayerSetup setup{.backend = backend_, .phase = phase, .inputs = {}, .input_needs_gradient = {}, .outputs = {}};
    for (const Shape& shape : inputs) {
      setup.inputs.push_back(TensorDescription::row_major(shape));
      setup.input_needs_gradient.push_back(false);
    }
    for (const Shape& shape : outputs) setup.outputs.push_back({.shape = shape});
    for (Parameter& parameter : layer_->parameters()) {
      parameter.value = backend_.make(TensorDescription::row_major(parameter.shape));
      backend_.fill(parameter.value, 0);
    }
    layer_->set_up(setup);
    for (const TensorDescription& input : setup.inputs) add(inputs_, input);
    for (const TensorDescription& output : setup.outputs) add(outputs_, output);
  }

  Values forward(const std::vector<Values>& inputs) {
    std::vector<Blob*> in, out;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      backend_.upload(inputs[i], inputs_[i].value);
      in.push_back(&inputs_[i]);
    }
    for (Blob& blob : outputs_) out.push_back(&blob);
    layer_->forward({in, out, 0});
    return values_of(outputs_[0].value);
  }

  [[nodiscard]] Values parameter(std::size_t number) { return values_of(layer_->parameters()[number].value); }
  void set_parameter(std::size_t number, const Values& values) {
    backend_.upload(values, layer_->parameters()[number].value);
  }

 private:
  void add(std::vector<Blob>& blobs, const TensorDescription& description) {
    blobs.push_back({.name = "blob", .value = backend_.make(description), .gradient = {}});
  }
  Values values_of(const Tensor& tensor) {
    Values values(static_cast<std::size_t>(tensor.count()));
    backend_.download(tensor, values);
    return values;
  }

  CpuBackend backend_{1};
  std::unique_ptr<Layer> layer_;
  std::vector<Blob> inputs_, outputs_;
};

TEST(AccuracyValuesTest, CountsALabelAmongTheLargestScores) {
  const Values scores{0.4F, 0.3F, 0.2F, 0.1F,   //
                      0.1F, 0.2F, 0.3F, 0.4F,   //
                      0.4F, 0.1F, 0.3F, 0.2F};  // labels' ranks: 2, 4, 2
  const Values labels{1, 0, 2};
  const std::vector<float> shares{0, 2 / 3.0F, 2 / 3.0F, 1};
  for (int top_k = 1; top_k <= 4; ++top_k) {
    LayerBench layer("type: Accuracy, accuracy_param: {top_k: " + std::to_string(top_k) + "}", {{3, 4}, {3}});
    EXPECT_THAT(layer.forward({scores, labels}), ElementsAre(FloatEq(shares[std::size_t(top_k) - 1]))) << top_k;
  }
}

TEST(AccuracyValuesTest, LeavesOutIgnoredLabels) {
  LayerBench layer("type: Accuracy, accuracy_param: {ignore_label: 1}", {{4, 2}, {4}});
  EXPECT_THAT(layer.forward({{1, 0, 0, 1, 1, 0, 0, 1}, {0, 1, 1, 0}}), ElementsAre(FloatEq(0.5F)));
  EXPECT_THAT(layer.forward({{1, 0, 0, 1, 1, 0, 0, 1}, {1, 1, 1, 1}}), ElementsAre(0));
}

TEST(SoftmaxLossValuesTest, DividesAsItsNormalisationSays) {
  // Two images of three positions with even scores of two classes: every position that counts loses log 2.
  const std::vector<std::pair<std::string, double>> expected{
      {"{ignore_label: 7}", 1.0},
      {"{ignore_label: 7, normalization: VALID}", 1.0},
      {"{ignore_label: 7, normalization: FULL}", 5 / 6.0},
      {"{ignore_label: 7, normalization: BATCH_SIZE}", 5 / 2.0},
      {"{ignore_label: 7, normalization: NONE}", 5.0},
      {"{ignore_label: 7, normalize: true}", 1.0},
      {"{ignore_label: 7, normalize: false}", 5 / 2.0},
      {"{ignore_label: 7, normalize: false, normalization: FULL}", 5 / 6.0},
  };
  for (const auto& [parameter, factor] : expected) {
    LayerBench layer("type: SoftmaxWithLoss, loss_param: " + parameter, {{2, 2, 3}, {2, 3}});
    EXPECT_THAT(layer.forward({Values(12, 0.5F), {0, 1, 0, 7, 1, 1}}),
                ElementsAre(FloatNear(static_cast<float>(factor * std::log(2.0)), 1e-5F)))
        << parameter;
  }
}

TEST(BatchNormValuesTest, KeepsDecayingSumsOfMeansAndUnbiasedVariances) {
  constexpr double kFraction = 0.5;
  const std::string fields = "type: BatchNorm, batch_norm_param: {moving_average_fraction: 0.5, eps: 0}";
  const Shape shape{2, 2, 1, 2};  // m = 4 values a channel
  LayerBench train(fields, {shape});
  double mean[2] = {0, 0}, variance[2] = {0, 0}, weight = 0;
  for (int batch = 0; batch < 4; ++batch) {
    Values input;
    for (int i = 0; i < 8; ++i) input.push_back(static_cast<float>((batch * 5 + i * i) % 7));
    train.forward({input});
    weight = weight * kFraction + 1;
    for (std::size_t c = 0; c < 2; ++c) {
      const double values[] = {input[2 * c], input[2 * c + 1], input[4 + 2 * c], input[5 + 2 * c]};
      double sum = 0, squares = 0;
      for (const double value : values) sum += value;
      for (const double value : values) squares += (value - sum / 4) * (value - sum / 4);
      mean[c] = mean[c] * kFraction + sum / 4;
      variance[c] = variance[c] * kFraction + squares / 4 * (4 / 3.0);  // m / (m - 1)
    }
  }
  EXPECT_THAT(train.parameter(2), Pointwise(FloatNear(1e-5F), mean));
  EXPECT_THAT(train.parameter(3), Pointwise(FloatNear(1e-4F), variance));
  EXPECT_THAT(train.parameter(4), ElementsAre(FloatEq(static_cast<float>(weight))));

  LayerBench test(fields, {shape}, Phase::kTest);
  for (std::size_t number : {2U, 3U, 4U}) test.set_parameter(number, train.parameter(number));
  const Values output = test.forward({{1, 2, 3, 4, 5, 6, 7, 8}});
  for (std::size_t i = 0; i < output.size(); ++i) {
    const std::size_t c = i / 2 % 2;
    const double normal = (static_cast<double>(i + 1) - mean[c] / weight) / std::sqrt(variance[c] / weight);
    EXPECT_NEAR(output[i], normal, 1e-4) << i;
  }
}

TEST(LrnValuesTest, HasAShiftOfOneWithinAChannelWhateverKSays) {
  // One pixel of 2: 2 / (1 + 3 / 9 * 4)^1; across channels 2 / (5 + 3 / 3 * 4)^1.
  const std::string fields = "type: LRN, lrn_param: {local_size: 3, alpha: 3, beta: 1, k: 5, norm_region: ";
  LayerBench within(fields + "WITHIN_CHANNEL}", {{1, 1, 1, 1}});
  EXPECT_THAT(within.forward({{2}}), ElementsAre(FloatNear(2 / (1 + 4 / 3.0F), 1e-5F)));
  LayerBench across(fields + "ACROSS_CHANNELS}", {{1, 1, 1, 1}});
  EXPECT_THAT(across.forward({{2}}), ElementsAre(FloatNear(2 / 9.0F, 1e-5F)));
}

}  // namespace
}  // namespace poseidon
