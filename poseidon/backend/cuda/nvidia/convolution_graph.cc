#include "poseidon/backend/cuda/nvidia/convolution_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <deque>
#include <utility>

namespace poseidon::cuda {
namespace {

/// Virtual tensors: what the convolution yields before the bias is added, and what the ReLU is given.
constexpr std::int64_t kSum = 5;
constexpr std::int64_t kBiased = 6;

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
    case ConvolutionPass::kFusedForward:
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

CudnnDescriptor describe_pointwise(cudnnPointwiseMode_t mode) {
  CudnnDescriptor pointwise(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  if (mode == CUDNN_POINTWISE_RELU_FWD) {
    const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;  // or training would go on with what is no number
    pointwise.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan);
  }
  pointwise.finish();
  return pointwise;
}

/// Keeps what operations are made of, as they need it to the end.
class GraphBuilder {
 public:
  explicit GraphBuilder(const ConvolutionProblem& problem) : problem_(problem) {}

  void add_convolution(ConvolutionPass pass, const GraphTensor& result) {
    const OperationNames names = names_of(pass);
    const float one = 1;
    const float zero = 0;
    const CudnnDescriptor& description = keep(describe_convolution(problem_.options));
    const CudnnDescriptor& input = keep(describe(tensor_of(kInput, problem_.input, problem_.arrangement)));
    const CudnnDescriptor& weight = keep(describe(tensor_of(kWeight, problem_.weight, problem_.arrangement)));
    last_ = &keep(describe(result));
    CudnnDescriptor convolution(names.type);
    convolution.set(names.convolution, description)
        .set(names.input, input)
        .set(names.weight, weight)
        .set(names.output, *last_)
        .set(names.alpha, CUDNN_TYPE_FLOAT, 1, &one)
        .set(names.beta, CUDNN_TYPE_FLOAT, 1, &zero)
        .finish();
    operations_.push_back(std::move(convolution));
  }

  void add_bias(const GraphTensor& result) {
    const Shape channels{1, problem_.output[1], 1, 1};
    const CudnnDescriptor& addend = keep(describe(tensor_of(kBias, channels, problem_.arrangement)));
    add_pointwise(CUDNN_POINTWISE_ADD, &addend, result);
  }

  void add_relu(const GraphTensor& result) { add_pointwise(CUDNN_POINTWISE_RELU_FWD, nullptr, result); }

  ConvolutionGraph take() {
    CudnnDescriptor graph = make_graph(operations_);
    std::vector<CudnnDescriptor> parts;
    for (CudnnDescriptor& part : parts_) parts.push_back(std::move(part));
    for (CudnnDescriptor& operation : operations_) parts.push_back(std::move(operation));
    return {std::move(parts), std::move(graph)};
  }

 private:
  const CudnnDescriptor& keep(CudnnDescriptor descriptor) { return parts_.emplace_back(std::move(descriptor)); }

  /// Of what the last operation yields.
  void add_pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor* other, const GraphTensor& result) {
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(describe_pointwise(mode)))
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *last_);
    if (other != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *other);
    last_ = &keep(describe(result));
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *last_).finish();
    operations_.push_back(std::move(operation));
  }

  const ConvolutionProblem& problem_;
  std::deque<CudnnDescriptor> parts_;  // whose places stay
  std::vector<CudnnDescriptor> operations_;
  const CudnnDescriptor* last_ = nullptr;
};

GraphTensor between(std::int64_t id, GraphTensor output) {
  output.id = id;
  output.type = CUDNN_DATA_FLOAT;
  output.is_virtual = true;
  return output;
}

}  // namespace

ConvolutionGraph make_convolution_graph(const ConvolutionProblem& problem, ConvolutionPass pass) {
  GraphBuilder builder(problem);
  const GraphTensor output = tensor_of(kOutput, problem.output, problem.arrangement);
  const bool biased = pass == ConvolutionPass::kFusedForward && problem.options.bias;
  const bool rectified = pass == ConvolutionPass::kFusedForward && problem.options.relu;
  builder.add_convolution(pass, biased || rectified ? between(kSum, output) : output);
  if (biased) builder.add_bias(rectified ? between(kBiased, output) : output);
  if (rectified) builder.add_relu(output);
  return builder.take();
}

std::string key_of(const ConvolutionProblem& problem, ConvolutionPass pass, Precision precision) {
  const ConvolutionOptions& o = problem.options;
  const Window& w = o.window;
  const char* const end = pass != ConvolutionPass::kFusedForward ? ""
                          : o.bias                               ? (o.relu ? "+bias+relu(nan)" : "+bias")
                                                                 : "+relu(nan)";
  return fmt::format("conv{} {} {} {} x{} g{} k{}x{} s{}x{} p{}x{} d{} {}{}", end, static_cast<int>(pass),
                     problem.input.text(), problem.weight.text(), o.outputs, o.groups, w.kernel_height, w.kernel_width,
                     w.stride_height, w.stride_width, w.pad_height, w.pad_width, o.dilation,
                     problem.arrangement.order == Order::kRowMajor ? "nchw" : "nhwc",
                     precision == Precision::kFp32   ? " fp32"
                     : precision == Precision::kTf32 ? " tf32"
                                                     : " bf16");
}

}  // namespace poseidon::cuda
