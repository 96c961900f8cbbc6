// cuDNN's plans for the convolutions of the nets that are measured, for a GPU that need not be here: an H100 as cuDNN
// describes it.

#include <gtest/gtest.h>

#include <filesystem>

#include "bosen/error.h"
#include "poseidon/backend/cuda/nvidia/convolution_graph.h"
#include "poseidon/backend/cuda/nvidia/plan_cache.h"

namespace poseidon::cuda {
namespace {

const std::string kH100 =
    R"({"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],)"
    R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,)"
    R"("isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1980000,"memClockRateKHz":2619000,)"
    R"("l2CacheSize":52428800,"totalGlobalMem":84929347584,"deviceName":"NVIDIA H100 80GB HBM3"})";

constexpr std::int64_t kGigabyte = std::int64_t{1} << 30;

struct Case {
  std::string name;
  Shape input;
  ConvolutionOptions options;
};

ConvolutionOptions conv(std::int64_t outputs, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                        std::int64_t groups = 1) {
  ConvolutionOptions options{.outputs = outputs, .groups = groups};
  options.window = {.kernel_height = kernel,
                    .kernel_width = kernel,
                    .stride_height = stride,
                    .stride_width = stride,
                    .pad_height = pad,
                    .pad_width = pad};
  return options;
}

std::vector<Case> cases() {
  return {{"AlexNetConv1", {256, 3, 227, 227}, conv(96, 11, 4, 0)},
          {"AlexNetConv2InGroups", {256, 96, 27, 27}, conv(256, 5, 1, 2, 2)},
          {"Vgg19Conv", {32, 256, 56, 56}, conv(256, 3, 1, 1)},
          {"GoogLeNetReduce", {128, 480, 14, 14}, conv(16, 1, 1, 0)},
          {"ResNet50Conv1", {64, 3, 224, 224}, conv(64, 7, 2, 3)},
          {"ResNet50Shortcut", {64, 256, 56, 56}, conv(512, 1, 2, 0)},
          {"LeNetConv1", {64, 1, 28, 28}, conv(20, 5, 1, 0)}};
}

ConvolutionProblem problem_of(const Case& layer, Arrangement arrangement) {
  const Window& w = layer.options.window;
  const auto extent = [&](std::int64_t size) {
    return (size + 2 * w.pad_height - w.kernel_height) / w.stride_height + 1;
  };
  ConvolutionOptions options = layer.options;
  options.relu = true;
  return {.options = options,
          .input = layer.input,
          .output = {layer.input[0], layer.options.outputs, extent(layer.input[2]), extent(layer.input[3])},
          .weight = {layer.options.outputs, layer.input[1] / layer.options.groups, w.kernel_height, w.kernel_width},
          .arrangement = arrangement};
}

class ConvolutionPlanTest : public ::testing::TestWithParam<Case> {
 protected:
  std::vector<CudnnDescriptor> plans_for(Precision precision, ConvolutionPass pass) {
    const Arrangement arrangement{precision == Precision::kFp32 ? Order::kRowMajor : Order::kChannelsLast,
                                  precision == Precision::kBf16 ? Element::kBf16 : Element::kFloat};
    const ConvolutionGraph graph = make_convolution_graph(problem_of(GetParam(), arrangement), pass);
    const PlanRules rules{.tensor_cores = precision != Precision::kFp32,
                          .keeps_nan = pass == ConvolutionPass::kFusedForward,
                          .workspace_bytes_max = kGigabyte};
    return make_plans(graph.graph, device_, rules, 8);
  }

  const CudnnDescriptor device_ = device_properties(kH100);
};

TEST_P(ConvolutionPlanTest, EveryPassHasPlansAtEveryPrecision) {
  for (const Precision precision : {Precision::kFp32, Precision::kTf32, Precision::kBf16}) {
    for (const ConvolutionPass pass :
         {ConvolutionPass::kForward, ConvolutionPass::kBackwardInput, ConvolutionPass::kBackwardWeight}) {
      EXPECT_FALSE(plans_for(precision, pass).empty())
          << "precision " << static_cast<int>(precision) << ", pass " << static_cast<int>(pass);
    }
  }
}

TEST_P(ConvolutionPlanTest, TheBiasIsAddedAndTheSumRectifiedOnTheWay) {
  EXPECT_FALSE(plans_for(Precision::kTf32, ConvolutionPass::kFusedForward).empty());
  EXPECT_FALSE(plans_for(Precision::kBf16, ConvolutionPass::kFusedForward).empty());
}

TEST_P(ConvolutionPlanTest, APlanComesBackFromItsText) {
  const std::vector<CudnnDescriptor> plans = plans_for(Precision::kBf16, ConvolutionPass::kBackwardWeight);
  ASSERT_FALSE(plans.empty());
  const std::string text = plans.front().text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  const RememberedPlan again = remembered_plan(text, device_);
  ASSERT_TRUE(again.fits);
  EXPECT_EQ(again.plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE),
            plans.front().integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
}

INSTANTIATE_TEST_SUITE_P(Layers, ConvolutionPlanTest, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

TEST(CudnnGraph, ATextThatIsNoPlanFitsNothing) {
  const CudnnDescriptor device = device_properties(kH100);
  EXPECT_FALSE(remembered_plan("{}", device).fits);
  EXPECT_FALSE(remembered_plan("not JSON", device).fits);
}

TEST(CudnnGraph, WhatCudnnRefusesIsOneLine) {
  try {
    static_cast<void>(device_properties("{}"));
    FAIL() << "an empty description was taken";
  } catch (const bosen::Error& error) {
    EXPECT_EQ(error.kind(), bosen::ErrorKind::kDevice);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

TEST(PlanCache, RemembersAcrossRunsAndForgetsWhatIsBroken) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "plan-cache-test";
  std::filesystem::remove_all(folder);
  {
    PlanCache plans(folder, "NVIDIA H100, CUDA 13.0");
    EXPECT_EQ(plans.find("conv a"), std::nullopt);
    plans.add("conv a", "plan 1");
    plans.add("conv b", "plan 2");
  }
  EXPECT_EQ(PlanCache(folder, "NVIDIA H100, CUDA 13.0").find("conv b"), "plan 2");
  EXPECT_EQ(PlanCache(folder, "another device").find("conv b"), std::nullopt);
  for (const auto& file : std::filesystem::directory_iterator(folder)) std::filesystem::resize_file(file.path(), 5);
  EXPECT_EQ(PlanCache(folder, "NVIDIA H100, CUDA 13.0").find("conv b"), std::nullopt);
  std::filesystem::remove_all(folder);
}

TEST(PlanCache, WithoutAFolderNothingIsWritten) {
  PlanCache plans("", "device");
  plans.add("a", "b");
  EXPECT_EQ(plans.find("a"), "b");
}

}  // namespace
}  // namespace poseidon::cuda
