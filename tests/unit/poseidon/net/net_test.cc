#include "poseidon/net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/configuration_error.h"
#include "tests/support/poseidon_net.h"

namespace poseidon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kScores =
    "name: ip, type: InnerProduct, bottom: data, top: ip, inner_product_param: {num_output: 4, weight_filler: {type: "
    "gaussian, std: 0.3}}";
const std::string kNoScores =
    "name: ip, type: InnerProduct, bottom: data, top: ip, inner_product_param: {num_output: 4}";
const std::string kConv =
    "name: conv, type: Convolution, bottom: data, top: conv, convolution_param: {num_output: 3, kernel_size: 3, "
    "weight_filler: {type: xavier}}";
const std::string kRelu = "name: relu, type: ReLU, bottom: conv, top: conv";
const std::string kDeepScores =
    "name: ip, type: InnerProduct, bottom: conv, top: ip, inner_product_param: {num_output: 4, weight_filler: {type: "
    "xavier}}";
const std::string kDropout = "name: drop, type: Dropout, bottom: data, top: data";
const std::string kLoss = "name: loss, type: SoftmaxWithLoss, bottom: [ip, label], top: loss";
const std::string kAccuracy = "name: acc, type: Accuracy, bottom: [ip, label], top: acc";

class NetTest : public ::testing::Test {
 protected:
  Net make(const std::vector<std::string>& layers, const NetOptions& options = {}) {
    return {net_of(layers), options, backend_, &source_};
  }

  Parameter& parameter(Net& net, const std::string& name, std::size_t index = 0) {
    for (const auto& layer : net.layers()) {
      if (layer->name() == name) return layer->parameters().at(index);
    }
    throw std::out_of_range("no layer " + name);
  }

  CpuBackend backend_{1};
  FixedSource source_{{2, 3, 6, 6}, 4};
};

TEST_F(NetTest, LosesTheLogarithmOfTheClassesWhenItKnowsNothing) {
  Net net = make({kNoScores, kLoss});
  EXPECT_NEAR(net.forward(), std::log(4.0), 1e-6);
}

TEST_F(NetTest, WeighsItsLosses) {
  Net net = make({kNoScores, kLoss + ", loss_weight: 0.5",
                  "name: more, type: SoftmaxWithLoss, bottom: [ip, label], top: more, loss_weight: 3"});
  EXPECT_NEAR(net.forward(), 3.5 * std::log(4.0), 1e-5);
}

TEST_F(NetTest, KeepsALossThatAnotherLayerReadsUntilAllLayersAreThrough) {
  Net net = make({kNoScores, kLoss, "name: more, type: SoftmaxWithLoss, bottom: [ip, label], top: more",
                  "name: sum, type: Eltwise, bottom: [loss, more], top: sum", kAccuracy,
                  "name: acc2, type: Accuracy, bottom: [ip, label], top: acc2"},
                 {.phase = Phase::kTest});
  EXPECT_NEAR(net.forward(), 2 * std::log(4.0), 1e-6);
}

TEST_F(NetTest, ReportsMeasuresByTheNamesOfTheirOutputs) {
  Net net = make({kScores, kLoss, kAccuracy}, {.phase = Phase::kTest});
  const double loss = net.forward();
  const std::vector<Measure> measures = net.measures();
  ASSERT_EQ(measures.size(), 2U);
  EXPECT_EQ(measures[0].name, "loss");
  EXPECT_EQ(measures[0].value, loss);
  EXPECT_EQ(measures[1].name, "acc");
}

TEST_F(NetTest, ReportsALossThatWeighsNothing) {
  Net net = make(
      {kNoScores, kLoss, "name: watched, type: SoftmaxWithLoss, bottom: [ip, label], top: watched, loss_weight: 0"});
  EXPECT_NEAR(net.forward(), std::log(4.0), 1e-5);
  net.backward();
  ASSERT_EQ(net.measures().size(), 2U);
  EXPECT_EQ(net.measures()[1].name, "watched");
  EXPECT_NEAR(net.measures()[1].value, std::log(4.0), 1e-5);
}

TEST_F(NetTest, LeavesALossThatWeighsNothingOutOfItsOwnEvenIfThatIsNoNumber) {
  Net net = make({kNoScores, kLoss,
                  "name: other, type: InnerProduct, bottom: data, top: other, "
                  "inner_product_param: {num_output: 4}",
                  "name: watched, type: SoftmaxWithLoss, bottom: [other, label], top: watched, loss_weight: 0"});
  Tensor& weight = parameter(net, "other").value;
  backend_.upload(std::vector<float>(static_cast<std::size_t>(weight.count()), NAN), weight);
  EXPECT_NEAR(net.forward(), std::log(4.0), 1e-5);
  EXPECT_TRUE(std::isnan(net.measures().at(1).value));
}

TEST_F(NetTest, NamesALossWithoutTopByItsLayer) {
  Net net = make({kNoScores, "name: loss, type: SoftmaxWithLoss, bottom: [ip, label]"});
  net.forward();
  EXPECT_EQ(net.measures().at(0).name, "loss");
}

TEST_F(NetTest, CountsTheBatchThatItsDataHas) {
  FixedSource other({5, 3, 6, 6}, 4);
  Net net(net_of({kScores, kLoss}), {}, backend_, &other);
  EXPECT_GT(net.forward(), 0);
}

TEST_F(NetTest, BeginsAlikeOnAllWorkers) {
  Net one = make({kScores, kLoss}, {.seed = 5, .worker = 0});
  Net other = make({kScores, kLoss}, {.seed = 5, .worker = 3});
  Net different = make({kScores, kLoss}, {.seed = 6});
  const auto weights = [&](Net& net) { return values_of(backend_, parameter(net, "ip").value); };
  EXPECT_EQ(weights(one), weights(other));
  EXPECT_NE(weights(one), weights(different));
}

TEST_F(NetTest, DropsOtherValuesOnOtherWorkersAndInOtherIterations) {
  Net one = make({kDropout, kScores, kLoss}, {.worker = 0});
  Net other = make({kDropout, kScores, kLoss}, {.worker = 1});
  const double first = one.forward();
  EXPECT_NE(first, other.forward());
  EXPECT_NE(first, one.forward());
  one.set_iteration(0);
  EXPECT_EQ(first, one.forward());
}

TEST_F(NetTest, DropsNothingInTests) {
  Net with = make({kDropout, kScores, kLoss}, {.phase = Phase::kTest});
  Net without = make({kScores, kLoss}, {.phase = Phase::kTest});
  EXPECT_EQ(with.forward(), without.forward());
}

TEST_F(NetTest, LooksAtTheParametersOfAnotherNet) {
  Net train = make({kScores, kLoss}, {.seed = 1});
  Net test = make({kScores, kLoss, kAccuracy}, {.phase = Phase::kTest, .seed = 2, .shares = &train});
  const Net alone = make({kScores, kLoss, kAccuracy}, {.phase = Phase::kTest});
  const auto parameter_bytes = static_cast<std::size_t>(alone.parameter_count()) * sizeof(float);
  EXPECT_EQ(test.memory_bytes() + parameter_bytes, alone.memory_bytes());
  EXPECT_EQ(test.forward(), train.forward());
  Tensor& weight = parameter(train, "ip").value;
  backend_.fill(weight, 0);
  EXPECT_NEAR(test.forward(), std::log(4.0), 1e-6);
}

TEST_F(NetTest, TestsByTheStatisticsOfTraining) {
  const std::vector<std::string> layers{kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv", kDeepScores,
                                        kLoss};
  Net train = make(layers);
  Net test = make(layers, {.phase = Phase::kTest, .shares = &train});
  const double trained = train.forward();
  // One batch was seen: its mean is the running mean, and its variance, as of a sample, is a little larger.
  EXPECT_NEAR(test.forward(), trained, 0.05);
  EXPECT_NE(test.forward(), trained);
}

TEST_F(NetTest, TellsItsObserverWhereItIs) {
  struct Notes final : NetObserver {
    void before_forward(int layer) override { list.push_back("f" + std::to_string(layer)); }
    void after_forward(int layer) override { list.push_back("F" + std::to_string(layer)); }
    void before_backward(int layer) override { list.push_back("b" + std::to_string(layer)); }
    void after_backward(int layer) override { list.push_back("B" + std::to_string(layer)); }
    std::vector<std::string> list;
  };
  Net net = make({kScores, kLoss});
  Notes notes;
  net.forward(&notes);
  net.backward(&notes);
  EXPECT_THAT(notes.list, ElementsAre("f0", "F0", "f1", "F1", "f2", "F2", "b2", "B2", "b1", "B1"));
}

TEST_F(NetTest, ComputesTheSameGradientsAgain) {
  Net net = make({kConv, kRelu, kDeepScores, kLoss});
  const auto gradient = [&] {
    net.set_iteration(0);
    net.forward();
    net.backward();
    return values_of(backend_, parameter(net, "conv").gradient);
  };
  const std::vector<float> first = gradient();
  EXPECT_EQ(first, gradient());
}

TEST_F(NetTest, KeepsSufficientFactorsUntilTheNextForward) {
  // Without overlap they are looked at after the whole backward.
  Net net =
      make({kConv, kRelu,
            "name: fc, type: InnerProduct, bottom: conv, top: fc, inner_product_param: {num_output: 7, "
            "weight_filler: {type: xavier}}",
            "name: act, type: TanH, bottom: fc, top: fc",
            "name: ip, type: InnerProduct, bottom: fc, top: ip, inner_product_param: {num_output: 4, weight_filler: "
            "{type: xavier}}",
            kLoss});
  net.forward();
  net.backward();
  for (const auto& layer : net.layers()) {
    EXPECT_EQ(layer->has_sufficient_factors(), layer->sufficient_factors().has_value()) << layer->name();
    if (!layer->has_sufficient_factors()) continue;
    const SufficientFactors factors = *layer->sufficient_factors();
    Parameter& weight = layer->parameters()[0];
    Tensor product = backend_.make(TensorDescription::row_major(weight.shape));
    backend_.multiply_factors(*factors.input, *factors.output_gradient, product);
    const std::vector<float> expected = values_of(backend_, weight.gradient);
    const std::vector<float> found = values_of(backend_, product);
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-5) << layer->name();
  }
}

TEST_F(NetTest, NeedsLessMemoryForTestsThanForTraining) {
  const std::vector<std::string> layers{kConv, kRelu, kDeepScores, kLoss};
  EXPECT_LT(make(layers, {.phase = Phase::kTest}).memory_bytes(), make(layers).memory_bytes());
}

TEST_F(NetTest, GivesALayerInPlaceNoMemoryOfItsOwn) {
  const NetOptions test{.phase = Phase::kTest};
  EXPECT_EQ(make({kConv, kRelu, kDeepScores, kLoss}, test).memory_bytes(),
            make({kConv, kDeepScores, kLoss}, test).memory_bytes());
}

TEST_F(NetTest, ReusesMemoryInTests) {
  std::vector<std::string> deep{kConv};
  for (int i = 0; i < 10; ++i) {
    const std::string name = "n" + std::to_string(i);
    deep.push_back("name: " + name + ", type: LRN, bottom: " + (i == 0 ? "conv" : "n" + std::to_string(i - 1)) +
                   ", top: " + name);
  }
  // Data and labels stay; of eleven images of 2x3x4x4 two are there at once.
  const std::size_t shallow = make({kConv, deep[1], deep[2]}, {.phase = Phase::kTest}).memory_bytes();
  EXPECT_LE(make(deep, {.phase = Phase::kTest}).memory_bytes(), shallow + 512);
}

TEST_F(NetTest, FindsTheFirstLayerWithoutANumber) {
  Net net = make({kConv, kRelu, kDeepScores, kLoss});
  net.forward();
  EXPECT_THAT(net.find_nonfinite(), IsEmpty());
  std::vector<float> weights = values_of(backend_, parameter(net, "ip").value);
  weights[3] = std::numeric_limits<float>::quiet_NaN();
  backend_.upload(weights, parameter(net, "ip").value);
  net.forward();
  EXPECT_THAT(net.find_nonfinite(), HasSubstr("'ip'"));
  source_.batch.images[0] = std::numeric_limits<float>::infinity();
  net.forward();
  EXPECT_THAT(net.find_nonfinite(), HasSubstr("'d'"));
}

TEST_F(NetTest, BlamesNoLayerWhoseMemoryAnotherHasTaken) {
  std::vector<std::string> layers{kConv};
  for (const char* name : {"a", "b", "c"}) {  // none of them learns, so nobody keeps what they have written
    layers.push_back(std::string("name: ") + name + ", type: TanH, bottom: " +
                     (layers.size() == 1 ? "conv" : std::string(1, static_cast<char>(name[0] - 1))) + ", top: " + name);
  }
  layers[0] += ", param: [{lr_mult: 0}, {lr_mult: 0}]";
  layers.push_back(
      "name: ip, type: InnerProduct, bottom: c, top: ip, inner_product_param: {num_output: 4, weight_filler: {type: "
      "xavier}}");
  layers.push_back(kLoss);
  Net net = make(layers);
  backend_.fill(parameter(net, "ip").value, std::numeric_limits<float>::quiet_NaN());
  net.forward();
  EXPECT_THAT(net.find_nonfinite(), HasSubstr("'ip'"));
}

TEST_F(NetTest, TakesAnAccuracyOfScoresThatAreNoNumbersForNone) {
  Net net = make({kScores, kAccuracy}, {.phase = Phase::kTest});
  backend_.fill(parameter(net, "ip").value, std::numeric_limits<float>::quiet_NaN());
  net.forward();
  EXPECT_EQ(net.measures().at(0).value, 0);
}

TEST_F(NetTest, TakesScoresThatAreAllAlikeForWrong) {
  Net net = make({kNoScores, kAccuracy}, {.phase = Phase::kTest});
  net.forward();
  EXPECT_EQ(net.measures().at(0).value, 0);
}

TEST_F(NetTest, RefusesToLearnByStatisticsOfOtherBatches) {
  const std::vector<std::string> layers{
      kConv, "name: bn, type: BatchNorm, bottom: conv, top: conv, batch_norm_param: {use_global_stats: true}",
      kDeepScores, kLoss};
  EXPECT_THAT(configuration_error([&] { make(layers); }),
              ::testing::AllOf(::testing::StartsWith("net.yaml:4:"), HasSubstr("use_global_stats")));
  EXPECT_GT(make(layers, {.phase = Phase::kTest}).forward(), 0);
}

TEST_F(NetTest, CannotRunWithoutData) {
  const NetSpec spec = parse_net_spec(
      "layer:\n  - {name: d, type: Data, top: [data, label], data_param: {batch_size: 2, shape: [3, 6, 6]}}\n"
      "  - {" +
          kScores + "}\n",
      "net.yaml");
  Net net(spec, {}, backend_, nullptr);
  EXPECT_THROW(net.forward(), bosen::Error);
}

TEST_F(NetTest, NeedsAShapeOrData) {
  EXPECT_THAT(configuration_error([&] { Net(net_of({kScores}), {}, backend_, nullptr); }),
              ::testing::AllOf(::testing::StartsWith("net.yaml:2:"), HasSubstr("data_param.shape")));
}

TEST(LeNetTest, LearnsABatchByHeart) {
  CpuBackend backend(1);
  FixedSource source({16, 1, 28, 28}, 10);
  Net net(read_net_spec(BOSEN_SOURCE_FOLDER "/config/nets/lenet.yaml"), {}, backend, &source);
  EXPECT_EQ(net.parameter_count(), 431'080);
  const double first = net.forward();
  for (int i = 0; i < 15; ++i) {
    net.forward();
    net.backward();
    for (const auto& layer : net.layers()) {
      for (Parameter& parameter : layer->parameters()) {
        backend.add_scaled(-0.02 * parameter.rate_factor, parameter.gradient, parameter.value);
      }
    }
  }
  EXPECT_LT(net.forward(), 0.3 * first);
}

}  // namespace
}  // namespace poseidon
