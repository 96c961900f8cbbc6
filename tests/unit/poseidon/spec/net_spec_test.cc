#include "poseidon/spec/net_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "poseidon/spec/data_spec.h"
#include "tests/support/configuration_error.h"

namespace poseidon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

NetSpec parsed(const std::string& text) { return parse_net_spec(text, "net.yaml"); }

LayerSpec layer_of(const std::string& fields) { return parsed("layer:\n  - {" + fields + "}\n").layers.at(0); }

std::string error_of(const std::string& text) {
  return configuration_error([&] { parsed(text); });
}

TEST(NetSpecTest, ReadsWhatALayerSays) {
  const LayerSpec layer = layer_of(
      "name: conv1, type: Convolution, bottom: data, top: [conv1], loss_weight: 0.3, "
      "param: [{lr_mult: 1, decay_mult: 1}, {name: b, lr_mult: 2, decay_mult: 0}], convolution_param: {num_output: "
      "20}");
  EXPECT_EQ(layer.name, "conv1");
  EXPECT_EQ(layer.type, "Convolution");
  EXPECT_THAT(layer.bottoms, ElementsAre("data"));
  EXPECT_THAT(layer.tops, ElementsAre("conv1"));
  EXPECT_THAT(layer.loss_weights, ElementsAre(0.3));
  ASSERT_EQ(layer.parameters.size(), 2U);
  EXPECT_EQ(layer.parameters[1].name, "b");
  EXPECT_EQ(layer.parameters[1].rate_factor, 2);
  EXPECT_EQ(layer.parameters[1].decay_factor, 0);
  EXPECT_TRUE(layer.in_train && layer.in_test);
  EXPECT_NE(layer.node.find("convolution_param"), nullptr);
}

TEST(NetSpecTest, PutsLayersIntoPhasesByTheirRules) {
  const auto phases = [](const std::string& rule) {
    const LayerSpec layer = layer_of("name: a, type: ReLU, " + rule);
    return std::pair(layer.in_train, layer.in_test);
  };
  EXPECT_EQ(phases("include: {phase: TRAIN}"), std::pair(true, false));
  EXPECT_EQ(phases("include: {phase: test}"), std::pair(false, true));
  EXPECT_EQ(phases("include: [{phase: TRAIN}, {phase: TEST}]"), std::pair(true, true));
  EXPECT_EQ(phases("exclude: {phase: TRAIN}"), std::pair(false, true));
  EXPECT_EQ(phases("exclude: [{phase: TRAIN}, {phase: TEST}]"), std::pair(false, false));
}

TEST(NetSpecTest, RefusesRulesItDoesNotUnderstand) {
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, include: {stage: deploy}}\n"), StartsWith("net.yaml:2:"));
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, include: {phase: DEPLOY}}\n"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr("TRAIN or TEST")));
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, include: {phase: TRAIN}, exclude: {phase: TEST}}\n"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr("not both")));
}

TEST(NetSpecTest, RefusesALayerWithoutNameOrType) {
  EXPECT_THAT(error_of("layer:\n  - {type: ReLU}\n"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("name")));
  EXPECT_THAT(error_of("layer:\n  - {name: a}\n"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("type")));
  EXPECT_THAT(error_of("layer:\n  - {name: '', type: ReLU}\n"), StartsWith("net.yaml:2:"));
}

TEST(NetSpecTest, RefusesNamesThatAreNotUtf8) {
  const std::string says = "is not UTF-8: save the file so";
  EXPECT_THAT(error_of("name: caf\xe9\nlayer:\n  - {name: a, type: ReLU}\n"),
              AllOf(StartsWith("net.yaml:1:"), HasSubstr(says)));
  EXPECT_THAT(error_of("layer:\n  - {name: \"\xe9\", type: ReLU}\n"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr(says)));
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, top: \"\xc3\"}\n"), HasSubstr(says));
  EXPECT_EQ(error_of("name: caf\xc3\xa9\nlayer:\n  - {name: \"\xef\xbf\xbd\", type: ReLU}\n"), "no error");
}

TEST(NetSpecTest, RefusesANetWithoutLayers) {
  EXPECT_THAT(error_of("name: empty\n"), AllOf(StartsWith("net.yaml:"), HasSubstr("layer")));
  EXPECT_THAT(error_of("layer: []\n"), StartsWith("net.yaml:"));
  EXPECT_THAT(error_of(""), HasSubstr("layer"));
  EXPECT_THAT(error_of("layers:\n  - {name: a, type: ReLU}\n"), HasSubstr("did you mean 'layer'?"));
}

TEST(NetSpecTest, RefusesAMisspeltKeyOfAParameter) {
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, param: {lr_mul: 1}}\n"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr("did you mean 'lr_mult'?")));
  EXPECT_THAT(error_of("layer:\n  - {name: a, type: ReLU, param: {lr_mult: -1}}\n"), HasSubstr("lr_mult"));
}

TEST(DataSpecTest, ReadsDataAndItsTransformation) {
  const DataSpec spec = read_data_spec(
      layer_of("name: d, type: Data, top: [data, label], data_param: {source: set, batch_size: 64, shape: [3, 32, 30], "
               "classes: 10}, transform_param: {scale: 0.5, crop_size: 28, mirror: true, mean_value: [1, 2, 3]}"));
  EXPECT_EQ(spec.source, "set");
  EXPECT_EQ(spec.batch_size, 64);
  EXPECT_EQ(spec.shape, (Shape{3, 32, 30}));
  EXPECT_EQ(spec.classes, 10);
  EXPECT_EQ(spec.transform.scale, 0.5);
  EXPECT_EQ(spec.transform.crop_size, 28);
  EXPECT_TRUE(spec.transform.mirror);
  EXPECT_THAT(spec.transform.mean_values, ElementsAre(1, 2, 3));
  EXPECT_FALSE(spec.transform.mean_image);
}

TEST(DataSpecTest, TakesTheDataSetsOwnMeanImage) {
  const DataSpec spec =
      read_data_spec(layer_of("name: d, type: Data, data_param: {batch_size: 1}, transform_param: {mean_file: mean}"));
  EXPECT_TRUE(spec.transform.mean_image);
  EXPECT_THAT(spec.transform.mean_values, ElementsAre());
}

TEST(DataSpecTest, LeavesTheShapeToTheDataSet) {
  const DataSpec spec = read_data_spec(layer_of("name: d, type: Data, data_param: {batch_size: 1, prefetch: 4}"));
  EXPECT_FALSE(spec.shape.has_value());
  EXPECT_EQ(spec.classes, 0);
  EXPECT_EQ(spec.transform.scale, 1);
}

TEST(DataSpecTest, RefusesDataThatCannotBe) {
  const auto error = [](const std::string& fields) {
    return configuration_error([&] { static_cast<void>(read_data_spec(layer_of("name: d, type: Data, " + fields))); });
  };
  EXPECT_THAT(error("data_param: {}"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("batch_size")));
  EXPECT_THAT(error("top: data"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("batch_size")));
  EXPECT_THAT(error("data_param: {batch_size: 0}"), HasSubstr("batch_size"));
  EXPECT_THAT(error("data_param: {batch_size: 1, shape: [28, 28]}"), HasSubstr("[channels, height, width]"));
  EXPECT_THAT(error("data_param: {batch_size: 1, clases: 3}"), HasSubstr("did you mean 'classes'?"));
  EXPECT_THAT(error("data_param: {batch_size: 1}, transform_param: {mean_file: mean, mean_value: 3}"),
              HasSubstr("give one"));
  EXPECT_THAT(error("data_param: {batch_size: 1}, transform_param: {mean_file: mean.binaryproto}"),
              HasSubstr("write 'mean_file: mean'"));
}

TEST(DataSpecTest, FindsTheDataLayerOfAPhase) {
  const NetSpec net = parsed(
      "layer:\n"
      "  - {name: a, type: Data, include: {phase: TRAIN}, data_param: {batch_size: 1}}\n"
      "  - {name: b, type: Data, include: {phase: TEST}, data_param: {batch_size: 2}}\n");
  EXPECT_EQ(data_layer(net, true).name, "a");
  EXPECT_EQ(data_layer(net, false).name, "b");
}

TEST(DataSpecTest, RefusesAPhaseWithoutOneDataLayer) {
  const NetSpec net = parsed(
      "layer:\n"
      "  - {name: a, type: Data, include: {phase: TRAIN}}\n"
      "  - {name: b, type: Data, include: {phase: TRAIN}}\n");
  EXPECT_THAT(configuration_error([&] { static_cast<void>(data_layer(net, true)); }),
              AllOf(StartsWith("net.yaml:3:"), HasSubstr("net.yaml:2:")));
  EXPECT_THAT(configuration_error([&] { static_cast<void>(data_layer(net, false)); }),
              AllOf(StartsWith("net.yaml: "), HasSubstr("TEST")));
}

}  // namespace
}  // namespace poseidon
