// The nets of config/nets against what their papers and their authors' models have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "poseidon/net_description.h"

namespace poseidon {
namespace {

NetDescription described(const std::string& name, Phase phase = Phase::kTrain) {
  const NetSpec spec = read_net_spec(BOSEN_SOURCE_FOLDER "/config/nets/" + name + ".yaml");
  return describe_net(spec, {.phase = phase});
}

/// Learned elements of all layers whose names begin with none of `others`.
std::int64_t parameters_without(const NetDescription& net, const std::vector<std::string>& others) {
  std::int64_t count = 0;
  for (const LayerDescription& layer : net.layers) {
    bool counts = true;
    for (const std::string& other : others) counts = counts && !layer.name.starts_with(other);
    count += counts ? layer.parameters : 0;
  }
  return count;
}

const LayerDescription& layer_of(const NetDescription& net, const std::string& name) {
  for (const LayerDescription& layer : net.layers) {
    if (layer.name == name) return layer;
  }
  throw std::out_of_range("no layer " + name);
}

struct Published {
  const char* net;
  std::int64_t parameters;
  std::int64_t classes;
};

class PublishedNetTest : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedNetTest, HasAsManyParametersAsPublished) {
  EXPECT_EQ(described(GetParam().net).parameters, GetParam().parameters);
}

TEST_P(PublishedNetTest, HasTheSameParametersInBothPhases) {
  EXPECT_EQ(described(GetParam().net, Phase::kTest).parameters, GetParam().parameters);
}

TEST_P(PublishedNetTest, TrainsAllItHasAndMeasuresAccuracyInTests) {
  std::int64_t exchanged = 0;
  for (const LayerDescription& layer : described(GetParam().net).layers) {
    for (const std::int64_t elements : layer.exchanged) exchanged += elements;
  }
  EXPECT_EQ(exchanged, GetParam().parameters);
  std::vector<std::string> types;
  const NetDescription test = described(GetParam().net, Phase::kTest);
  for (const LayerDescription& layer : test.layers) types.push_back(layer.type);
  EXPECT_THAT(types, ::testing::Contains("Accuracy"));
  EXPECT_THAT(types, ::testing::Contains("SoftmaxWithLoss"));
}

TEST_P(PublishedNetTest, EndsInAsManyScoresAsThereAreClasses) {
  const NetDescription net = described(GetParam().net);
  const LayerDescription* last = nullptr;
  for (const LayerDescription& layer : net.layers) {
    if (layer.type == "InnerProduct") last = &layer;
  }
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->outputs.at(0)[1], GetParam().classes);
  EXPECT_EQ(last->factor_outputs, GetParam().classes);
}

INSTANTIATE_TEST_SUITE_P(
    Nets, PublishedNetTest,
    ::testing::Values(Published{"lenet", 431'080, 10}, Published{"cifar10_quick", 145'578, 10},
                      Published{"alexnet", 60'965'224, 1000}, Published{"alexnet-owt", 61'100'840, 1000},
                      Published{"vgg19", 143'667'240, 1000},
                      // 139,570,240 before the last layer, and 4097 for each of 21,841 classes
                      Published{"vgg19-22k", 139'570'240 + 4097 * 21'841LL, 21'841},
                      Published{"googlenet", 13'378'280, 1000}, Published{"inception-v3", 27'161'264, 1000},
                      Published{"resnet-50", 25'557'032, 1000}, Published{"resnet-152", 60'192'808, 1000}),
    [](const auto& test) {
      std::string name = test.param.net;
      for (char& c : name) c = c == '-' ? '_' : c;
      return name;
    });

TEST(NetsTest, HaveTheParametersOfTheirMainBranches) {
  EXPECT_EQ(parameters_without(described("googlenet"), {"loss1/", "loss2/"}), 6'998'552);
  EXPECT_EQ(parameters_without(described("inception-v3"), {"aux/", "bn/aux/"}), 23'834'568);
}

TEST(NetsTest, HaveTheShapesOfTheirPapers) {
  EXPECT_EQ(layer_of(described("alexnet"), "conv1").outputs[0], (Shape{256, 96, 55, 55}));
  EXPECT_EQ(layer_of(described("alexnet"), "pool5").outputs[0], (Shape{256, 256, 6, 6}));
  EXPECT_EQ(layer_of(described("vgg19"), "pool5").outputs[0], (Shape{32, 512, 7, 7}));
  EXPECT_EQ(layer_of(described("googlenet"), "inception_5b/output").outputs[0], (Shape{128, 1024, 7, 7}));
  EXPECT_EQ(layer_of(described("inception-v3"), "mixed_e2").outputs[0], (Shape{32, 2048, 8, 8}));
  EXPECT_EQ(layer_of(described("resnet-50"), "pool5").outputs[0], (Shape{64, 2048, 1, 1}));
  EXPECT_EQ(layer_of(described("lenet"), "pool2").outputs[0], (Shape{64, 50, 4, 4}));
}

TEST(NetsTest, CostWhatTheirPapersSay) {
  // Multiplications with additions, an image: 19.6 billion (VGG19), 3.8 to 4.1 billion (ResNet-50, counted as one).
  const NetDescription vgg = described("vgg19");
  EXPECT_NEAR(static_cast<double>(vgg.forward_flops) / 32 / 2, 19.6e9, 0.2e9);
  const NetDescription resnet = described("resnet-50");
  EXPECT_NEAR(static_cast<double>(resnet.forward_flops) / 64 / 2, 4.1e9, 0.1e9);
}

TEST(NetsTest, SayWhichLayersHaveSufficientFactors) {
  const NetDescription net = described("vgg19-22k");
  const LayerDescription& wide = layer_of(net, "fc6");
  EXPECT_EQ(wide.factor_inputs, 25'088);
  EXPECT_EQ(wide.factor_outputs, 4096);
  EXPECT_EQ(wide.batch, 32);
  EXPECT_EQ(layer_of(net, "conv1_1").factor_inputs, 0);
}

TEST(NetsTest, TakeAnotherBatch) {
  const NetSpec spec = read_net_spec(BOSEN_SOURCE_FOLDER "/config/nets/lenet.yaml");
  EXPECT_EQ(layer_of(describe_net(spec, {.batch = 7}), "conv1").outputs[0], (Shape{7, 20, 24, 24}));
}

}  // namespace
}  // namespace poseidon
