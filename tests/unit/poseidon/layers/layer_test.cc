// What layers read of their lines, and which shapes they make of which. Their gradients are tested with nets'.

#include "poseidon/layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "poseidon/layers/registry.h"
#include "tests/support/configuration_error.h"

namespace poseidon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<Layer> layer_of(const std::string& fields, Phase phase = Phase::kTrain) {
  const NetSpec net = parse_net_spec("layer:\n  - {name: a, " + fields + "}\n", "net.yaml");
  return make_layer(net.layers.at(0), {.phase = phase});
}

std::string error_of(const std::string& fields) {
  return configuration_error([&] { layer_of(fields); });
}

std::vector<Shape> shapes_of(const std::string& fields, const std::vector<Shape>& inputs) {
  return layer_of(fields)->infer(inputs);
}

std::string shape_error_of(const std::string& fields, const std::vector<Shape>& inputs) {
  return configuration_error([&] { shapes_of(fields, inputs); });
}

std::string conv(const std::string& options) { return "type: Convolution, convolution_param: {" + options + "}"; }
std::string pool(const std::string& options) { return "type: Pooling, pooling_param: {" + options + "}"; }

TEST(ConvolutionLayerTest, InfersWhatItsWindowCovers) {
  const Shape images{2, 6, 11, 13};
  EXPECT_THAT(shapes_of(conv("num_output: 8, kernel_size: 3"), {images}), ElementsAre(Shape{2, 8, 9, 11}));
  EXPECT_THAT(shapes_of(conv("num_output: 8, kernel_size: 3, pad: 1, stride: 2"), {images}),
              ElementsAre(Shape{2, 8, 6, 7}));
  EXPECT_THAT(shapes_of(conv("num_output: 8, kernel_h: 1, kernel_w: 7, pad_w: 3"), {images}),
              ElementsAre(Shape{2, 8, 11, 13}));
  EXPECT_THAT(shapes_of(conv("num_output: 8, kernel_size: [3, 5], stride: [1, 2]"), {images}),
              ElementsAre(Shape{2, 8, 9, 5}));
  EXPECT_THAT(shapes_of(conv("num_output: 8, kernel_size: 3, dilation: 2"), {images}), ElementsAre(Shape{2, 8, 7, 9}));
}

TEST(ConvolutionLayerTest, LearnsAWeightForEachGroupAndABias) {
  const auto layer = layer_of(conv("num_output: 8, kernel_size: 3, group: 2, weight_filler: {type: msra}, bias_filler: "
                                   "{type: constant, value: 0.1}") +
                              ", param: [{lr_mult: 1, decay_mult: 1}, {lr_mult: 2, decay_mult: 0}]");
  layer->infer(std::vector<Shape>{{2, 6, 5, 5}});
  ASSERT_EQ(layer->parameters().size(), 2U);
  EXPECT_EQ(layer->parameters()[0].shape, (Shape{8, 3, 3, 3}));
  EXPECT_EQ(layer->parameters()[0].filler.type, Filler::Type::kMsra);
  EXPECT_EQ(layer->parameters()[1].shape, (Shape{8}));
  EXPECT_EQ(layer->parameters()[1].filler.value, 0.1);
  EXPECT_EQ(layer->parameters()[1].rate_factor, 2);
  EXPECT_EQ(layer->parameters()[1].decay_factor, 0);
  EXPECT_EQ(layer->forward_flops(), 2 * (2 * 8 * 3 * 3) * (3 * 3 * 3) + 2 * 8 * 3 * 3);
}

TEST(ConvolutionLayerTest, ReadsEveryKeyOfAFiller) {
  const auto filler_of = [](const std::string& filler) {
    const auto layer = layer_of(conv("num_output: 8, kernel_size: 3, weight_filler: {" + filler + "}"));
    layer->infer(std::vector<Shape>{{2, 6, 5, 5}});
    return layer->parameters().at(0).filler;
  };
  EXPECT_EQ(filler_of("type: xavier").variance, Filler::Variance::kFanIn);
  EXPECT_EQ(filler_of("type: xavier, variance_norm: FAN_OUT").variance, Filler::Variance::kFanOut);
  EXPECT_EQ(filler_of("type: msra, variance_norm: AVERAGE").variance, Filler::Variance::kAverage);
  const Filler uniform = filler_of("type: uniform, min: -2, max: 3");
  EXPECT_EQ(uniform.type, Filler::Type::kUniform);
  EXPECT_EQ(uniform.minimum, -2);
  EXPECT_EQ(uniform.maximum, 3);
  const Filler gaussian = filler_of("type: gaussian, mean: 0.5, std: 0.25");
  EXPECT_EQ(gaussian.type, Filler::Type::kGaussian);
  EXPECT_EQ(gaussian.mean, 0.5);
  EXPECT_EQ(gaussian.std, 0.25);
}

TEST(ConvolutionLayerTest, IsInferredTwiceAsOnce) {
  const auto layer = layer_of(conv("num_output: 8, kernel_size: 3, bias_term: false"));
  layer->infer(std::vector<Shape>{{2, 6, 5, 5}});
  layer->infer(std::vector<Shape>{{2, 4, 5, 5}});
  ASSERT_EQ(layer->parameters().size(), 1U);
  EXPECT_EQ(layer->parameters()[0].shape, (Shape{8, 4, 3, 3}));
}

TEST(ConvolutionLayerTest, RefusesWhatItCannotDo) {
  EXPECT_THAT(error_of("type: Convolution"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("num_output")));
  EXPECT_THAT(error_of(conv("num_output: 4")), HasSubstr("kernel_size"));
  EXPECT_THAT(error_of(conv("num_output: 0, kernel_size: 3")), HasSubstr("num_output"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_size: 3, kernel_h: 3")), HasSubstr("not both"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_h: 3")), HasSubstr("kernel"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_size: 3, stride: 0")), HasSubstr("stride"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_size: 3, group: 3")), HasSubstr("3 groups"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_sise: 3")), HasSubstr("did you mean 'kernel_size'?"));
  EXPECT_THAT(error_of(conv("num_output: 4, kernel_size: 3, weight_filler: {type: xaver}")), HasSubstr("xavier"));
  EXPECT_THAT(error_of("type: Convolution, convolution_parm: {num_output: 4, kernel_size: 3}"),
              HasSubstr("convolution_param"));
  const std::string plain = conv("num_output: 4, kernel_size: 3");
  EXPECT_THAT(shape_error_of(plain, {{2, 3}}), HasSubstr("2x3"));
  EXPECT_THAT(shape_error_of(plain, {{2, 3, 2, 9}}), HasSubstr("does not fit"));
  EXPECT_THAT(shape_error_of(plain, {{2, 3, 9, 9}, {2, 3, 9, 9}}), HasSubstr("takes 1 input (bottom), not 2"));
  EXPECT_THAT(shape_error_of(conv("num_output: 4, kernel_size: 3, group: 2"), {{2, 3, 9, 9}}), HasSubstr("3 channels"));
  EXPECT_THAT(shape_error_of(plain + ", param: [{lr_mult: 1}, {lr_mult: 1}, {lr_mult: 1}]", {{2, 3, 9, 9}}),
              HasSubstr("3 parameters"));
}

TEST(PoolingLayerTest, RoundsUpUnlessToldOtherwise) {
  const Shape images{2, 3, 8, 6};
  EXPECT_THAT(shapes_of(pool("kernel_size: 3, stride: 2"), {images}), ElementsAre(Shape{2, 3, 4, 3}));
  EXPECT_THAT(shapes_of(pool("kernel_size: 3, stride: 2, round_mode: FLOOR"), {images}),
              ElementsAre(Shape{2, 3, 3, 2}));
}

TEST(PoolingLayerTest, LeavesOutWindowsThatStartBeyondThePaddedImage) {
  // Of 6 with a padding of 1, windows of 2 by 2 would begin at -1, 1, 3, 5; one more at 7 has nothing to look at.
  EXPECT_THAT(shapes_of(pool("kernel_size: 2, stride: 2, pad: 1"), {{1, 1, 6, 6}}), ElementsAre(Shape{1, 1, 4, 4}));
  EXPECT_THAT(shapes_of(pool("kernel_size: 2, stride: 3, pad: 1"), {{1, 1, 6, 6}}), ElementsAre(Shape{1, 1, 3, 3}));
}

TEST(PoolingLayerTest, LeavesThemOutOnBothAxesWhereOneIsPadded) {
  // Of 5 columns, windows of one would begin at 0, 3 and 6.
  EXPECT_THAT(shapes_of(pool("kernel_h: 2, kernel_w: 1, stride: 3, pad_h: 1, pad_w: 0"), {{1, 1, 6, 5}}),
              ElementsAre(Shape{1, 1, 3, 2}));
  EXPECT_THAT(shapes_of(pool("kernel_h: 1, kernel_w: 2, stride: 3, pad_h: 0, pad_w: 1"), {{1, 1, 5, 6}}),
              ElementsAre(Shape{1, 1, 2, 3}));
}

TEST(PoolingLayerTest, NeverMakesAWindowWithoutAnImage) {
  for (std::int64_t extent = 1; extent < 12; ++extent) {
    for (int kernel = 1; kernel <= extent && kernel < 4; ++kernel) {
      for (int stride = 1; stride < 6; ++stride) {
        for (int pad = 0; pad < kernel; ++pad) {
          const std::string options = "kernel_size: " + std::to_string(kernel) + ", stride: " + std::to_string(stride) +
                                      ", pad: " + std::to_string(pad);
          const std::vector<Shape> images{{1, 1, extent, extent}};
          // Without padding Caffe would leave it there; with it, leave it out.
          if (pad == 0 && shape_error_of(pool(options), images) != "no error") continue;
          const Shape output = shapes_of(pool(options), images).at(0);
          EXPECT_LT((output[2] - 1) * stride - pad, extent) << options << ", " << extent;
        }
      }
    }
  }
}

TEST(PoolingLayerTest, TakesWholeImages) {
  EXPECT_THAT(shapes_of(pool("pool: AVE, global_pooling: true"), {{2, 3, 7, 5}}), ElementsAre(Shape{2, 3, 1, 1}));
}

TEST(PoolingLayerTest, RefusesWhatItCannotDo) {
  EXPECT_THAT(error_of("type: Pooling"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("kernel_size")));
  EXPECT_THAT(error_of(pool("kernel_size: 2, pad: 2")), HasSubstr("pad"));
  EXPECT_THAT(error_of(pool("kernel_size: 2, pool: STOCHASTIC")), HasSubstr("MAX or AVE"));
  EXPECT_THAT(shape_error_of(pool("kernel_size: 5"), {{1, 1, 3, 3}}), HasSubstr("does not fit"));
  EXPECT_THAT(shape_error_of(pool("kernel_size: 1, stride: 3"), {{1, 1, 5, 5}}), HasSubstr("round_mode: FLOOR"));
  EXPECT_THAT(shape_error_of(pool("kernel_size: 1, stride: 3, round_mode: FLOOR"), {{1, 1, 5, 5}}), "no error");
  EXPECT_THAT(shape_error_of(pool("kernel_size: 2"), {{4, 10}}), HasSubstr("4x10"));
}

TEST(InnerProductLayerTest, TakesAllAxesAfterTheBatchForOne) {
  const auto layer = layer_of("type: InnerProduct, inner_product_param: {num_output: 7}");
  EXPECT_THAT(layer->infer(std::vector<Shape>{{5, 3, 4, 2}}), ElementsAre(Shape{5, 7}));
  EXPECT_EQ(layer->parameters()[0].shape, (Shape{7, 24}));
  EXPECT_EQ(layer->parameters()[1].shape, (Shape{7}));
  EXPECT_EQ(layer->forward_flops(), 2 * 5 * 7 * 24 + 5 * 7);
  EXPECT_TRUE(layer->has_sufficient_factors());
}

TEST(InnerProductLayerTest, HasNoSufficientFactorsWhereItIsFrozen) {
  const auto layer = layer_of("type: InnerProduct, inner_product_param: {num_output: 7}, param: {lr_mult: 0}");
  layer->infer(std::vector<Shape>{{5, 3}});
  EXPECT_FALSE(layer->has_sufficient_factors());
}

TEST(InnerProductLayerTest, RefusesWhatItCannotDo) {
  EXPECT_THAT(error_of("type: InnerProduct, inner_product_param: {num_output: 7, axis: 2}"), HasSubstr("axis"));
  EXPECT_THAT(error_of("type: InnerProduct"), AllOf(StartsWith("net.yaml:2:"), HasSubstr("num_output")));
}

TEST(BatchNormLayerTest, KeepsStatisticsThatAreNotLearned) {
  const auto layer = layer_of("type: BatchNorm");
  layer->infer(std::vector<Shape>{{2, 6, 3, 3}});
  for (const Parameter& parameter : layer->parameters()) EXPECT_FALSE(parameter.learned) << parameter.name;
  EXPECT_THAT(error_of("type: BatchNorm, batch_norm_param: {moving_average_fraction: 1.5}"), HasSubstr("from 0 to 1"));
}

TEST(ConcatLayerTest, AddsUpOneAxis) {
  EXPECT_THAT(shapes_of("type: Concat", {{2, 3, 4, 4}, {2, 5, 4, 4}}), ElementsAre(Shape{2, 8, 4, 4}));
  EXPECT_THAT(shapes_of("type: Concat, concat_param: {axis: 0}", {{2, 3}, {5, 3}}), ElementsAre(Shape{7, 3}));
  EXPECT_THAT(shapes_of("type: Concat, concat_param: {axis: -1}", {{2, 3}, {2, 1}}), ElementsAre(Shape{2, 4}));
  EXPECT_THAT(shapes_of("type: Concat, concat_param: {concat_dim: 0}", {{2, 3}, {5, 3}}), ElementsAre(Shape{7, 3}));
  EXPECT_THAT(shape_error_of("type: Concat", {{2, 3, 4, 4}, {2, 5, 4, 3}}), HasSubstr("2x5x4x3"));
  EXPECT_THAT(shape_error_of("type: Concat", {{2, 3, 4, 4}, {2, 5}}), HasSubstr("2x5"));
  EXPECT_THAT(shape_error_of("type: Concat, concat_param: {axis: 2}", {{2, 3}, {2, 3}}), HasSubstr("axis 2"));
}

TEST(EltwiseLayerTest, TakesInputsOfOneShape) {
  EXPECT_THAT(shapes_of("type: Eltwise", {{2, 3}, {2, 3}, {2, 3}}), ElementsAre(Shape{2, 3}));
  EXPECT_THAT(shape_error_of("type: Eltwise", {{2, 3}, {2, 4}}), AllOf(HasSubstr("2x3"), HasSubstr("2x4")));
  EXPECT_THAT(shape_error_of("type: Eltwise", {{2, 3}}), HasSubstr("two inputs"));
}

TEST(EltwiseLayerTest, TakesOneCoefficientForEachInputOfASum) {
  const std::string inputs = "type: Eltwise, bottom: [x, y], eltwise_param: ";
  EXPECT_THAT(error_of(inputs + "{coeff: [1, -1]}"), "no error");
  EXPECT_THAT(error_of(inputs + "{coeff: [1]}"), HasSubstr("1 values for 2 inputs"));
  EXPECT_THAT(error_of(inputs + "{operation: MAX, coeff: [1, 1]}"), HasSubstr("SUM"));
}

TEST(LossLayerTest, TakesALabelForEachPosition) {
  EXPECT_THAT(shapes_of("type: SoftmaxWithLoss", {{5, 10}, {5}}), ElementsAre(Shape{1}));
  EXPECT_THAT(shapes_of("type: SoftmaxWithLoss", {{5, 10, 2, 3}, {5, 1, 2, 3}}), ElementsAre(Shape{1}));
  EXPECT_THAT(shape_error_of("type: SoftmaxWithLoss", {{5, 10}, {4}}), HasSubstr("4 labels for 5 positions"));
  EXPECT_THAT(shape_error_of("type: SoftmaxWithLoss", {{5, 10}}), HasSubstr("2 inputs"));
  EXPECT_EQ(layer_of("type: SoftmaxWithLoss")->loss_weight(), 1);
  EXPECT_EQ(layer_of("type: SoftmaxWithLoss, loss_weight: 0.3")->loss_weight(), 0.3);
  EXPECT_THAT(error_of("type: SoftmaxWithLoss, loss_param: {normalization: SOME}"), HasSubstr("VALID"));
}

TEST(AccuracyLayerTest, LooksAtNoMoreClassesThanThereAre) {
  EXPECT_THAT(shapes_of("type: Accuracy, accuracy_param: {top_k: 5}", {{3, 10}, {3}}), ElementsAre(Shape{1}));
  EXPECT_THAT(shape_error_of("type: Accuracy, accuracy_param: {top_k: 5}", {{3, 4}, {3}}), HasSubstr("4 classes"));
}

TEST(DropoutLayerTest, RefusesToDropAll) {
  EXPECT_THAT(error_of("type: Dropout, dropout_param: {dropout_ratio: 1}"), HasSubstr("less than 1"));
  EXPECT_THAT(error_of("type: Dropout, dropout_param: {dropout_ratio: -0.1}"), HasSubstr("dropout_ratio"));
}

TEST(LrnLayerTest, WantsAnOddSize) {
  EXPECT_THAT(error_of("type: LRN, lrn_param: {local_size: 4}"), HasSubstr("odd"));
  EXPECT_THAT(shape_error_of("type: LRN", {{2, 3}}), HasSubstr("2x3"));
}

TEST(FlattenLayerTest, MakesOneAxisOfAllAfterTheBatch) {
  EXPECT_THAT(shapes_of("type: Flatten", {{2, 3, 4, 5}}), ElementsAre(Shape{2, 60}));
}

TEST(LayersTest, KeepTheShapeOfWhatTheyChangeValueByValue) {
  for (const char* type : {"ReLU", "Sigmoid", "TanH", "Dropout", "Softmax", "LRN", "BatchNorm"}) {
    EXPECT_THAT(shapes_of(std::string("type: ") + type, {{2, 3, 4, 5}}), ElementsAre(Shape{2, 3, 4, 5})) << type;
  }
}

TEST(LayersTest, TakeTheEngineThatCaffeNetsName) {
  for (const char* fields :
       {"type: ReLU, relu_param: {engine: CUDNN}", "type: LRN, lrn_param: {engine: CAFFE}",
        "type: Pooling, pooling_param: {kernel_size: 2, engine: CAFFE}",
        "type: Convolution, convolution_param: {num_output: 1, kernel_size: 1, engine: CUDNN}",
        "type: Sigmoid, sigmoid_param: {engine: CAFFE}", "type: TanH, tanh_param: {engine: CAFFE}"}) {
    EXPECT_EQ(error_of(fields), "no error") << fields;
  }
}

TEST(LayersTest, TakeWhatCaffeNetsSayBeside) {
  EXPECT_EQ(error_of("type: SoftmaxWithLoss, softmax_param: {axis: 1, engine: CAFFE}"), "no error");
  EXPECT_THAT(error_of("type: SoftmaxWithLoss, softmax_param: {axis: 2}"), HasSubstr("axis"));
  EXPECT_THAT(error_of("type: SoftmaxWithLoss, softmax_param: {axes: 1}"), HasSubstr("axes"));
  EXPECT_THAT(error_of("type: Softmax, softmax_param: {axis: 0}"), HasSubstr("axis"));
  EXPECT_EQ(error_of("type: ReLU, relu_param: {negative_slope: -0.2}"), "no error");
}

TEST(LayersTest, RefuseNumbersThatNoFloatHolds) {
  EXPECT_THAT(error_of("type: ReLU, relu_param: {negative_slope: 1e39}"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr("negative_slope")));
  EXPECT_THAT(error_of("type: InnerProduct, inner_product_param: {num_output: 1, weight_filler: {value: 1e39}}"),
              HasSubstr("value"));
  EXPECT_THAT(error_of("type: LRN, lrn_param: {alpha: 1e39}"), HasSubstr("alpha"));
  EXPECT_THAT(error_of("type: BatchNorm, batch_norm_param: {eps: 1e39}"), HasSubstr("eps"));
  EXPECT_THAT(error_of("type: SoftmaxWithLoss, bottom: [a, b], loss_weight: 1e39"), HasSubstr("loss_weight"));
}

TEST(ActivationLayerTest, KeepsItsInputWhereTheOutputHidesIt) {
  EXPECT_TRUE(layer_of("type: ReLU, relu_param: {negative_slope: 0.2}")->works_in_place());
  EXPECT_FALSE(layer_of("type: ReLU, relu_param: {negative_slope: -0.2}")->works_in_place());
}

TEST(SplitLayerTest, HasNoKeysOfItsOwn) {
  EXPECT_EQ(error_of("type: Split, top: [a, b]"), "no error");
  EXPECT_THAT(error_of("type: Split, top: [a, b], split_param: {axis: 1}"), HasSubstr("split_param"));
}

TEST(ShapeTest, CountsNoMoreThanAnyMemoryHolds) {
  EXPECT_EQ((Shape{1 << 20, 1 << 20, 256}).count(), std::int64_t{1} << 48);
  for (const Shape& shape : {Shape{1 << 20, 1 << 20, 257}, Shape{4096, 4096, 1048576, 1048576}}) {
    try {
      (void)shape.count();
      FAIL() << shape.text();
    } catch (const bosen::Error& error) {
      EXPECT_EQ(error.kind(), bosen::ErrorKind::kConfiguration);
      EXPECT_THAT(error.what(), AllOf(StartsWith(shape.text()), HasSubstr("smaller batch")));
    }
  }
}

TEST(LayersTest, NameTheNearestKeyForOneTheyDoNotKnow) {
  EXPECT_THAT(error_of("type: ReLU, relu_parm: {negative_slope: 0.1}"),
              AllOf(StartsWith("net.yaml:2:"), HasSubstr("did you mean 'relu_param'?")));
  EXPECT_THAT(error_of("type: ReLU, dropout_param: {dropout_ratio: 0.1}"), HasSubstr("dropout_param"));
}

}  // namespace
}  // namespace poseidon
