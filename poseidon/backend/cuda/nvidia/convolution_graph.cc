#include "poseidon/backend/cuda/nvidia/convolution_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

namespace poseidon::cuda {
namespace {

/// A virtual tensor: what the convolution yields before the bias is added.
constexpr std::int64_t kSum = 5;

cudnnDataType_t type_of(Element element) { return element == Element::kFloat ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16; }

GraphTensor tensor_of(std::int64_t id, const Shape& shape, Arrangement arrangement) {
  const std::int64_t c = shape[1];
  const std::int64_t h = shape[2];
  const std::int64_t w = shape[3];
  GraphTensor tensor{.id = id, .extents = {shape[0], c, h, w}, .strides = {}, .type = type_of(arrangement.element)};
  tensor.strides = arrangement.order == Order::kRowMajor ? std::vector<std::int64_t>{c * h * w, h * w, w, 1}
                                                         : std::vector<std::int64_t>{c * h * w, 1, w * c, c};
  return tensor;
}

CudnnDescriptor describe_convolution(const ConvolutionOptions& options) {
  const Window& w = options.window;
  const std::array<std::int64_t, 2> pads{w.pad_height, w.pad_width};
  const std::array<std::int64_t, 2> strides{w.stride_height, w.stride_width};
  const std::array<std::int64_t, 2> dilations{options.dilation, options.dilation};
  const std::int64_t axes = 2;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  CudnnDescriptor description(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  description.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes)
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, pads)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, pads)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, dilations)
      .finish();
  return description;
}

/// Names of the attributes of one of the three operations.
struct OperationNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t convolution, input, weight, output, alpha, beta;
};

OperationNames names_of(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kBackwardInput:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case ConvolutionPass::kBackwardWeight:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case ConvolutionPass::kForward:
    case ConvolutionPass::kForwardWithBias:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

CudnnDescriptor describe_addition() {
  CudnnDescriptor addition(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  const cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  addition.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finish();
  return addition;
}

}  // namespace

ConvolutionGraph make_convolution_graph(const ConvolutionProblem& problem, ConvolutionPass pass) {
  const bool biased = pass == ConvolutionPass::kForwardWithBias;
  const GraphTensor output = tensor_of(kOutput, problem.output, problem.arrangement);
  GraphTensor sum = output;
  if (biased) {
    sum.id = kSum;
    sum.type = CUDNN_DATA_FLOAT;
    sum.is_virtual = true;
  }
  std::vector<CudnnDescriptor> parts;
  std::vector<CudnnDescriptor> operations;
  const auto keep = [&](CudnnDescriptor descriptor) -> const CudnnDescriptor& {
    parts.push_back(std::move(descriptor));
    return parts.back();
  };
  const OperationNames names = names_of(pass);
  const float one = 1;
  const float zero = 0;
  CudnnDescriptor convolution(names.type);
  convolution.set(names.convolution, keep(describe_convolution(problem.options)))
      .set(names.input, keep(describe(tensor_of(kInput, problem.input, problem.arrangement))))
      .set(names.weight, keep(describe(tensor_of(kWeight, problem.weight, problem.arrangement))))
      .set(names.output, keep(describe(sum)))
      .set(names.alpha, CUDNN_TYPE_FLOAT, 1, &one)
      .set(names.beta, CUDNN_TYPE_FLOAT, 1, &zero);
  const std::size_t sum_part = parts.size() - 1;
  convolution.finish();
  operations.push_back(std::move(convolution));
  if (biased) {
    const Shape channels{1, problem.output[1], 1, 1};
    const Arrangement bias{problem.arrangement.order, Element::kFloat};
    CudnnDescriptor addition(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    addition.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(describe_addition()))
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, parts[sum_part])
        .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, keep(describe(tensor_of(kBias, channels, bias))))
        .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, keep(describe(output)))
        .finish();
    operations.push_back(std::move(addition));
  }
  CudnnDescriptor graph = make_graph(operations);
  for (CudnnDescriptor& operation : operations) keep(std::move(operation));
  return {std::move(parts), std::move(graph)};
}

std::string key_of(const ConvolutionProblem& problem, ConvolutionPass pass, Precision precision) {
  const ConvolutionOptions& o = problem.options;
  const Window& w = o.window;
  return fmt::format("conv {} {} {} x{} g{} k{}x{} s{}x{} p{}x{} d{} {}{}", static_cast<int>(pass),
                     problem.input.text(), problem.weight.text(), o.outputs, o.groups, w.kernel_height, w.kernel_width,
                     w.stride_height, w.stride_width, w.pad_height, w.pad_width, o.dilation,
                     problem.arrangement.order == Order::kRowMajor ? "nchw" : "nhwc",
                     precision == Precision::kFp32   ? " fp32"
                     : precision == Precision::kTf32 ? " tf32"
                                                     : " bf16");
}

}  // namespace poseidon::cuda
