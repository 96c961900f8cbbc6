#include "poseidon/net_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/configuration_error.h"

namespace poseidon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A data layer in line 2, and `layers` from line 3 on, each a line.
std::string net_of(const std::vector<std::string>& layers) {
  std::string text =
      "layer:\n  - {name: d, type: Data, top: [data, label], data_param: {batch_size: 2, shape: [3, 8, 8], classes: "
      "4}}\n";
  for (const std::string& layer : layers) text += "  - {" + layer + "}\n";
  return text;
}

NetGraph graph_of(const std::vector<std::string>& layers, Phase phase = Phase::kTrain) {
  return make_graph(parse_net_spec(net_of(layers), "net.yaml"), {.phase = phase});
}

std::string error_of(const std::vector<std::string>& layers) {
  return configuration_error([&] { graph_of(layers); });
}

std::vector<std::string> names_of(const NetGraph& graph) {
  std::vector<std::string> names;
  for (const GraphLayer& layer : graph.layers) names.push_back(layer.layer->name());
  return names;
}

const GraphLayer& layer_of(const NetGraph& graph, const std::string& name) {
  for (const GraphLayer& layer : graph.layers) {
    if (layer.layer->name() == name) return layer;
  }
  throw std::out_of_range("no layer " + name);
}

const GraphBlob& input_of(const NetGraph& graph, const std::string& layer, std::size_t index = 0) {
  return graph.blobs[static_cast<std::size_t>(layer_of(graph, layer).inputs.at(index))];
}

const std::string kConv =
    "name: conv, type: Convolution, bottom: data, top: conv, convolution_param: {num_output: 4, kernel_size: 3}";
const std::string kScores = "name: ip, type: InnerProduct, bottom: data, top: ip, inner_product_param: {num_output: 4}";
const std::string kLoss = "name: loss, type: SoftmaxWithLoss, bottom: [ip, label], top: loss";

TEST(NetGraphTest, NamesAnOutputAfterItsLayerWhereNothingElseIsSaid) {
  const NetGraph graph =
      graph_of({"name: conv, type: Convolution, bottom: data, convolution_param: {num_output: 4, kernel_size: 3}",
                "name: a, type: ReLU, bottom: conv", "name: b, type: TanH, bottom: conv",
                "name: sum, type: Eltwise, bottom: [a, b]"});
  EXPECT_THAT(names_of(graph), ElementsAre("d", "conv", "conv_conv_split", "a", "b", "sum"));
  EXPECT_EQ(input_of(graph, "a").shape, (Shape{2, 4, 6, 6}));
  EXPECT_EQ(input_of(graph, "sum", 1).name, "b");
}

TEST(NetGraphTest, HasTheLayersOfItsPhase) {
  const std::vector<std::string> layers{
      kScores, kLoss, "name: acc, type: Accuracy, bottom: [ip, label], top: acc, include: {phase: TEST}"};
  EXPECT_THAT(names_of(graph_of(layers)), ElementsAre("d", "ip", "loss"));
  EXPECT_THAT(names_of(graph_of(layers, Phase::kTest)),
              ElementsAre("d", "label_d_split", "ip", "ip_ip_split", "loss", "acc"));
}

TEST(NetGraphTest, InfersShapes) {
  const NetGraph graph = graph_of({kConv,
                                   "name: pool, type: Pooling, bottom: conv, top: pool, pooling_param: "
                                   "{kernel_size: 3, stride: 2}"});
  EXPECT_EQ(input_of(graph, "conv").shape, (Shape{2, 3, 8, 8}));
  EXPECT_EQ(input_of(graph, "pool").shape, (Shape{2, 4, 6, 6}));
  EXPECT_EQ(graph.blobs.back().shape, (Shape{2, 4, 3, 3}));
}

TEST(NetGraphTest, RefusesToFoldAScaleWhoseBatchNormalisationOthersRead) {
  const std::string scale = "name: sc, type: Scale, bottom: conv, top: y, scale_param: {bias_term: true}";
  const std::vector<std::string> layers{kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv", scale,
                                        "name: sum, type: Eltwise, bottom: [conv, y], top: sum"};
  EXPECT_THAT(error_of(layers), AllOf(StartsWith("net.yaml:5:"), HasSubstr("'sc'"), HasSubstr("layer 'sum' reads")));
}

TEST(NetGraphTest, RefusesTwoLayersThatWriteOneOutput) {
  const std::string other = "name: other, type: TanH, bottom: data, top: conv";
  EXPECT_THAT(error_of({kConv, other}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'other'"), HasSubstr("layer 'conv' writes 'conv' already")));
  EXPECT_THAT(error_of({"name: a, type: ReLU, bottom: data", "name: b, type: TanH, bottom: data, top: a"}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("layer 'a' writes 'a' already")));
  EXPECT_THAT(error_of({"name: a, type: Split, bottom: data, top: [x, x]"}), HasSubstr("layer 'a' writes 'x' already"));
  EXPECT_EQ(error_of({kConv, "name: relu, type: ReLU, bottom: conv, top: conv"}), "no error");
  EXPECT_EQ(error_of({kConv + ", include: {phase: TEST}", other + ", include: {phase: TRAIN}"}), "no error");
}

TEST(NetGraphTest, SplitsAnOutputThatHasSeveralReaders) {
  const NetGraph graph =
      graph_of({kConv, "name: a, type: ReLU, bottom: conv, top: a", "name: b, type: TanH, bottom: conv, top: b",
                "name: sum, type: Eltwise, bottom: [a, b], top: sum"});
  EXPECT_THAT(names_of(graph), ElementsAre("d", "conv", "conv_conv_split", "a", "b", "sum"));
  EXPECT_EQ(layer_of(graph, "conv_conv_split").outputs.size(), 2U);
  EXPECT_NE(layer_of(graph, "a").inputs[0], layer_of(graph, "b").inputs[0]);
}

TEST(NetGraphTest, SplitsForALayerThatReadsOneOutputTwice) {
  const NetGraph graph = graph_of({kConv, "name: twice, type: Eltwise, bottom: [conv, conv], top: twice"});
  EXPECT_NE(layer_of(graph, "twice").inputs[0], layer_of(graph, "twice").inputs[1]);
}

TEST(NetGraphTest, GivesTheNewestVersionOfWhatIsChangedInPlace) {
  const NetGraph graph =
      graph_of({kConv, "name: relu, type: ReLU, bottom: conv, top: conv", "name: a, type: TanH, bottom: conv, top: a"});
  EXPECT_THAT(names_of(graph), ElementsAre("d", "conv", "relu", "a"));
  EXPECT_EQ(input_of(graph, "a").writer, 2);
}

TEST(NetGraphTest, HasOneReaderAtMostForEveryBlob) {
  const NetGraph graph =
      graph_of({kConv, "name: a, type: ReLU, bottom: conv, top: a", "name: b, type: TanH, bottom: conv, top: b",
                "name: cat, type: Concat, bottom: [a, b, a], top: cat"});
  std::vector<int> readers(graph.blobs.size(), 0);
  for (const GraphLayer& layer : graph.layers) {
    for (const int input : layer.inputs) ++readers[static_cast<std::size_t>(input)];
  }
  for (std::size_t i = 0; i < readers.size(); ++i) EXPECT_LE(readers[i], 1) << graph.blobs[i].name;
}

TEST(NetGraphTest, RunsBackwardOnlyWhereSomethingLearns) {
  const NetGraph graph = graph_of({"name: relu, type: ReLU, bottom: data, top: data", kScores, kLoss});
  EXPECT_FALSE(layer_of(graph, "d").runs_backward);
  EXPECT_FALSE(layer_of(graph, "relu").runs_backward);
  EXPECT_TRUE(layer_of(graph, "ip").runs_backward);
  EXPECT_TRUE(layer_of(graph, "loss").runs_backward);
  EXPECT_FALSE(input_of(graph, "ip").needs_gradient);
  EXPECT_TRUE(input_of(graph, "loss").needs_gradient);
  EXPECT_FALSE(input_of(graph, "loss", 1).needs_gradient);
}

TEST(NetGraphTest, RunsNoBackwardBelowFrozenLayers) {
  const NetGraph graph =
      graph_of({kConv + ", param: [{lr_mult: 0}, {lr_mult: 0}]",
                "name: ip, type: InnerProduct, bottom: conv, top: ip, inner_product_param: {num_output: 4}", kLoss});
  EXPECT_FALSE(layer_of(graph, "conv").runs_backward);
  EXPECT_FALSE(input_of(graph, "ip").needs_gradient);
}

TEST(NetGraphTest, RunsNoBackwardWhereNoLossFollows) {
  const NetGraph graph =
      graph_of({kScores, kLoss,
                "name: aside, type: InnerProduct, bottom: data, top: aside, inner_product_param: {num_output: 3}"});
  EXPECT_FALSE(layer_of(graph, "aside").runs_backward);
  EXPECT_TRUE(layer_of(graph, "ip").runs_backward);
}

TEST(NetGraphTest, FoldsAScaleIntoTheNormalisationBeforeIt) {
  const NetGraph graph = graph_of({kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv",
                                   "name: scale, type: Scale, bottom: conv, top: conv, scale_param: {bias_term: true}",
                                   "name: relu, type: ReLU, bottom: conv, top: conv"});
  EXPECT_THAT(names_of(graph), ElementsAre("d", "conv", "bn", "relu"));
  EXPECT_EQ(graph.parameter_count(), 4 * 27 + 4 + 2 * 4);
}

TEST(NetGraphTest, RefusesAScaleElsewhere) {
  EXPECT_THAT(error_of({kConv, "name: scale, type: Scale, bottom: conv, top: conv"}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'scale'"), HasSubstr("BatchNorm")));
}

TEST(NetGraphTest, NamesALayerWhoseInputsDoNotFit) {
  EXPECT_THAT(error_of({kConv, "name: sum, type: Eltwise, bottom: [data, conv], top: sum"}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'sum'"), HasSubstr("2x3x8x8"), HasSubstr("2x4x6x6")));
  EXPECT_THAT(error_of({"name: conv, type: Convolution, bottom: data, top: c, convolution_param: {num_output: 4, "
                        "kernel_size: 9}"}),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("'conv'"), HasSubstr("kernel of 9")));
  EXPECT_THAT(error_of({kConv, "name: loss, type: SoftmaxWithLoss, bottom: [conv, label]"}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'loss'"), HasSubstr("2 labels for 72 positions")));
}

TEST(NetGraphTest, NamesTheNearestOutputForOneThatIsNotThere) {
  EXPECT_THAT(error_of({kConv, "name: relu, type: ReLU, bottom: conw, top: r"}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'conw'"), HasSubstr("did you mean 'conv'?")));
}

TEST(NetGraphTest, RefusesAnInputThatComesLater) {
  EXPECT_THAT(error_of({"name: relu, type: ReLU, bottom: conv, top: r", kConv}),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("no layer before it")));
}

TEST(NetGraphTest, NamesTheNearestTypeForOneThatIsNotThere) {
  EXPECT_THAT(error_of({"name: a, type: Convolutoin, bottom: data, top: a"}),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("did you mean 'Convolution'?")));
}

TEST(NetGraphTest, RefusesTwoLayersOfOneName) {
  EXPECT_THAT(error_of({kConv, kConv}), AllOf(StartsWith("net.yaml:4:"), HasSubstr("'conv'")));
}

TEST(NetGraphTest, RefusesTooManyOutputs) {
  EXPECT_THAT(error_of({"name: relu, type: ReLU, bottom: data, top: [a, b]"}),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("'relu'")));
}

TEST(NetGraphTest, RefusesALossWeightWhereThereIsNoLoss) {
  EXPECT_THAT(error_of({kConv + ", loss_weight: 1"}), AllOf(StartsWith("net.yaml:3:"), HasSubstr("loss_weight")));
}

TEST(NetGraphTest, RefusesParametersThatAreToBeShared) {
  const std::string shared = ", param: {name: w}";
  EXPECT_THAT(error_of({kScores + shared,
                        "name: other, type: InnerProduct, bottom: data, top: o, "
                        "inner_product_param: {num_output: 4}" +
                            shared}),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("'w'")));
}

TEST(NetGraphTest, RefusesTheSameOfAScaleThatBecomesPartOfAnotherLayer) {
  const auto error_of_scale = [](const std::string& name, const std::string& more) {
    return error_of(
        {kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv",
         "name: " + name + ", type: Scale, bottom: conv, top: conv, scale_param: {bias_term: true}" + more});
  };
  EXPECT_EQ(error_of_scale("sc", ""), "no error");
  EXPECT_THAT(error_of_scale("bn", ""), HasSubstr("two layers named 'bn'"));
  EXPECT_THAT(error_of_scale("sc", ", loss_weight: 1"), HasSubstr("loss_weight"));
  EXPECT_THAT(error_of_scale("sc", ", propagate_down: false"), HasSubstr("propagate_down"));
  EXPECT_THAT(error_of_scale("sc", ", param: [{name: g}, {name: g}]"), HasSubstr("'g'"));
}

TEST(NetGraphTest, RefusesAParamListOfALayerThatHasNoParameters) {
  const std::string relu = "name: relu, type: ReLU, bottom: conv, top: conv, ";
  const std::string says = "layer.param: a layer of type ReLU has no parameters: leave it out";
  // The line begins with "  - {".
  const std::string place = "net.yaml:4:" + std::to_string(relu.size() + std::string("  - {param: [").size() + 1);
  EXPECT_EQ(error_of({kConv, relu + "param: [{lr_mult: 1}, {lr_mult: 2}]"}), place + ": " + says);
  EXPECT_THAT(error_of({kConv, relu + "param: {lr_mult: 1}"}), HasSubstr(says));
  EXPECT_EQ(error_of({kConv, relu + "param: []"}), "no error");
  for (const std::string layer :
       {"type: Pooling, pooling_param: {kernel_size: 2}", "type: LRN", "type: Dropout", "type: Eltwise"}) {
    EXPECT_THAT(error_of({kConv, "name: x, bottom: conv, top: x, param: {lr_mult: 0}, " + layer}),
                AllOf(StartsWith("net.yaml:4:"), HasSubstr("has no parameters")))
        << layer;
  }
}

TEST(NetGraphTest, FoldsRelusIntoTheLayersThatCanEndWithOne) {
  const std::string text =
      net_of({kConv, "name: r1, type: ReLU, bottom: conv, top: conv",
              "name: bn, type: BatchNorm, bottom: conv, top: bn", "name: r2, type: ReLU, bottom: bn, top: bn",
              "name: sum, type: Eltwise, bottom: [bn, bn], top: sum", "name: r3, type: ReLU, bottom: sum, top: sum",
              "name: max, type: Eltwise, bottom: [sum, sum], top: max, "
              "eltwise_param: {operation: MAX}",
              "name: r4, type: ReLU, bottom: max, top: max"});
  const auto names = [&](const LayerContext& context) {
    std::vector<std::string> kept;
    for (const std::string& name : names_of(make_graph(parse_net_spec(text, "net.yaml"), context))) {
      if (name.find("split") == std::string::npos) kept.push_back(name);
    }
    return kept;
  };
  EXPECT_THAT(names({}), ElementsAre("d", "conv", "r1", "bn", "r2", "sum", "r3", "max", "r4"));
  EXPECT_THAT(names({.folds_relu_into_passes = true}), ElementsAre("d", "conv", "r1", "bn", "sum", "max", "r4"));
  EXPECT_THAT(names({.folds_relu = true}), ElementsAre("d", "conv", "bn", "sum", "max", "r4"));
}

TEST(NetGraphTest, RefusesAParamListOfAReluThatBecomesPartOfAnotherLayer) {
  const std::string text = net_of({kConv, "name: relu, type: ReLU, bottom: conv, top: conv, param: {lr_mult: 1}"});
  EXPECT_THAT(configuration_error([&] { make_graph(parse_net_spec(text, "net.yaml"), {.folds_relu = true}); }),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("a layer of type ReLU has no parameters")));
}

TEST(NetGraphTest, RefusesMoreParamsThanALayerHasParameters) {
  const std::string weight =
      "name: w, type: InnerProduct, bottom: data, top: w, "
      "inner_product_param: {num_output: 4, bias_term: false}";
  const std::string one = "{lr_mult: 1}";
  const std::string two = one + ", " + one;
  const std::string three = two + ", " + one;
  const auto with = [](const std::string& layer, const std::string& list) { return layer + ", param: [" + list + "]"; };
  EXPECT_EQ(error_of({with(kConv, two), with(kScores, two), with(weight, one)}), "no error");
  EXPECT_EQ(error_of({with(kConv, three)}),
            "net.yaml:3:" + std::to_string(std::string("  - {" + kConv + ", param: [" + two + ", ").size() + 1) +
                ": layer.param: is for 3 parameters, but this Convolution has 2: leave out what is too many");
  EXPECT_THAT(error_of({with(kScores, three)}), HasSubstr("is for 3 parameters, but this InnerProduct has 2"));
  EXPECT_THAT(error_of({with(weight, two)}), HasSubstr("is for 2 parameters, but this InnerProduct has 1"));
}

TEST(NetGraphTest, RefusesParamsThatANormalisationDoesNotHave) {
  const auto error_of_params = [](const std::string& of_norm, const std::string& bias, const std::string& of_scale) {
    return error_of({kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv, param: [" + of_norm + "]",
                     "name: sc, type: Scale, bottom: conv, top: conv, scale_param: {bias_term: " + bias +
                         "}, param: [" + of_scale + "]"});
  };
  const std::string frozen = "{lr_mult: 0}, {lr_mult: 0}, {lr_mult: 0}";
  EXPECT_EQ(error_of_params(frozen, "true", "{lr_mult: 1}, {lr_mult: 2}"), "no error");
  EXPECT_THAT(error_of_params(frozen + ", {lr_mult: 0}", "true", ""),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("is for 4 parameters, but this BatchNorm has 3")));
  EXPECT_THAT(error_of_params("{lr_mult: 0}, {decay_mult: 0}", "true", ""),
              AllOf(StartsWith("net.yaml:4:"), HasSubstr("not learned: give it lr_mult: 0")));
  EXPECT_THAT(error_of_params("", "false", "{lr_mult: 1}, {lr_mult: 2}"),
              AllOf(StartsWith("net.yaml:5:"), HasSubstr("is for 2 parameters, but this Scale has 1")));
}

TEST(NetGraphTest, RefusesToStopGradientsByKey) {
  EXPECT_THAT(error_of({kScores + ", propagate_down: false", kLoss}),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("propagate_down")));
}

}  // namespace
}  // namespace poseidon
