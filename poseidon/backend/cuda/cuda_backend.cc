#include "poseidon/backend/cuda/cuda_backend.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "bosen/error.h"
#include "poseidon/backend/cuda/matrix_product.h"

namespace poseidon {

using cuda::Arrangement;
using cuda::Element;
using cuda::Order;
using cuda::Precision;

namespace {

/// Tensor cores take the channels innermost; without them cuDNN's kernels are made for row-major images.
Arrangement activations_of(Precision precision) {
  return {precision == Precision::kFp32 ? Order::kRowMajor : Order::kChannelsLast,
          precision == Precision::kBf16 ? Element::kBf16 : Element::kFloat};
}

}  // namespace

cuda::Precision precision_named(const std::string& name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "tf32") return Precision::kTf32;
  if (name == "bf16") return Precision::kBf16;
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be fp32, tf32 or bf16");
}

/// Sufficient factors are float, whatever activations are.
class CudaBackend::Products {
 public:
  explicit Products(const cuda::Context& context) : context_(context) {}

  cuda::MatrixProduct& of(std::int64_t outputs, std::int64_t inputs, std::int64_t factors) {
    auto& product = products_[{outputs, inputs, factors}];
    if (!product) product = make_matrix_product(context_, {.m = outputs, .n = inputs, .k = factors, .a_turned = true});
    return *product;
  }

 private:
  const cuda::Context& context_;
  std::map<std::array<std::int64_t, 3>, std::unique_ptr<cuda::MatrixProduct>> products_;
};

CudaBackend::CudaBackend(const CudaOptions& options)
    : device_({.number = options.device, .plan_folder = options.plan_folder}),
      context_{device_, options.precision, activations_of(options.precision)},
      products_(std::make_unique<Products>(context_)),
      sum_(std::make_shared<cuda::DeviceMemory>(device_, sizeof(double))) {}

CudaBackend::~CudaBackend() = default;

std::string CudaBackend::name() const { return fmt::format("cuda:{}", device_.number()); }

std::shared_ptr<Memory> CudaBackend::allocate(std::size_t bytes) {
  return std::make_shared<cuda::DeviceMemory>(device_, bytes);
}

void CudaBackend::upload(std::span<const float> from, Tensor& to) {
  if (to.description().is_row_major()) {
    device_.copy_to_device(cuda::Lane::kCompute, to.data(), from.data(), from.size_bytes());
    return;
  }
  Tensor plain = make(TensorDescription::row_major(to.shape()));
  device_.copy_to_device(cuda::Lane::kCompute, plain.data(), from.data(), from.size_bytes());
  cuda::rearrange(device_, plain, to);
  device_.synchronize();  // before `plain` goes
}

void CudaBackend::download(const Tensor& from, std::span<float> to) {
  if (from.description().is_row_major()) {
    device_.copy_to_host(cuda::Lane::kCompute, to.data(), from.data(), to.size_bytes());
  } else {
    Tensor plain = make(TensorDescription::row_major(from.shape()));
    cuda::rearrange(device_, from, plain);
    device_.copy_to_host(cuda::Lane::kCompute, to.data(), plain.data(), to.size_bytes());
    device_.synchronize();
  }
  device_.await(device_.mark(cuda::Lane::kCompute));
}

float* CudaBackend::host_data(Tensor& /*tensor*/) { return nullptr; }

void CudaBackend::copy(const Tensor& from, Tensor& to) {
  if (from.shape() == to.shape() || from.description().is_row_major() || to.description().is_row_major()) {
    cuda::rearrange(device_, from, to);
    return;
  }
  Tensor plain = make(TensorDescription::row_major(from.shape()));
  cuda::rearrange(device_, from, plain);
  cuda::rearrange(device_, plain, to);
  device_.synchronize();  // before `plain` goes
}

void CudaBackend::synchronize() { device_.synchronize(); }

void CudaBackend::fill(Tensor& tensor, float value) { cuda::fill(device_, tensor, value); }

void CudaBackend::add_scaled(double a, const Tensor& x, Tensor& y) { cuda::add_scaled(device_, a, x, y); }

double CudaBackend::sum_of_squares(const Tensor& tensor) {
  auto* const sum = reinterpret_cast<double*>(sum_->data());
  cuda::sum_of_squares(device_, tensor, sum);
  double result = 0;
  device_.copy_to_host(cuda::Lane::kCompute, &result, sum, sizeof result);
  device_.await(device_.mark(cuda::Lane::kCompute));
  return result;
}

void CudaBackend::multiply_factors(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient) {
  products_->of(output_gradient.shape()[1], input.shape()[1], input.shape()[0])
      .run(output_gradient.data(), input.data(), weight_gradient.data());
}

void CudaBackend::sum_rows(const Tensor& output_gradient, Tensor& bias_gradient) {
  cuda::sum_channels(device_, output_gradient, bias_gradient.data());
}

void CudaBackend::update(const UpdateRule& rule, std::span<const UpdateTarget> targets) {
  cuda::update(device_, rule, targets);
}

std::unique_ptr<ConvolutionOperation> CudaBackend::convolution(const ConvolutionOptions& options,
                                                               const TensorDescription& input) {
  return cuda::make_convolution(context_, options, input);
}

std::unique_ptr<InnerProductOperation> CudaBackend::inner_product(std::int64_t outputs,
                                                                  const TensorDescription& input) {
  return cuda::make_inner_product(context_, outputs, input);
}

std::unique_ptr<UnaryOperation> CudaBackend::pooling(const PoolingOptions& options, const TensorDescription& input) {
  return cuda::make_pooling(context_, options, input);
}

std::unique_ptr<UnaryOperation> CudaBackend::activation(const ActivationOptions& options,
                                                        const TensorDescription& input) {
  return cuda::make_activation(context_, options, input);
}

std::unique_ptr<UnaryOperation> CudaBackend::lrn(const LrnOptions& options, const TensorDescription& input) {
  return cuda::make_lrn(context_, options, input);
}

std::unique_ptr<UnaryOperation> CudaBackend::softmax(const TensorDescription& input) {
  return cuda::make_softmax(context_, input);
}

std::unique_ptr<BatchNormalisationOperation> CudaBackend::batch_normalisation(double epsilon,
                                                                              const TensorDescription& input) {
  return cuda::make_batch_normalisation(context_, epsilon, input);
}

std::unique_ptr<SoftmaxLossOperation> CudaBackend::softmax_loss(const SoftmaxLossOptions& options,
                                                                const TensorDescription& input) {
  return cuda::make_softmax_loss(context_, options, input);
}

std::unique_ptr<DropoutOperation> CudaBackend::dropout(double ratio, std::uint64_t seed,
                                                       const TensorDescription& input) {
  return cuda::make_dropout(context_, ratio, seed, input);
}

std::unique_ptr<MergeOperation> CudaBackend::concat(int axis, std::span<const TensorDescription> inputs) {
  return cuda::make_concat(context_, axis, inputs);
}

std::unique_ptr<MergeOperation> CudaBackend::eltwise(const EltwiseOptions& options,
                                                     std::span<const TensorDescription> inputs) {
  return cuda::make_eltwise(context_, options, inputs);
}

}  // namespace poseidon
