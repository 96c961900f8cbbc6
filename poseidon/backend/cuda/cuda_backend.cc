#include "poseidon/backend/cuda/cuda_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bosen/error.h"
#include "poseidon/backend/cuda/matrix_product.h"
#include "poseidon/backend/cuda/recorded_work.h"
#include "poseidon/backend/cuda/square_sums.h"

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

cuda::Mark mark_of(Ticket ticket) {
  return {ticket.way == Ticket::Way::kToHost ? cuda::Lane::kToHost : cuda::Lane::kToDevice, ticket.number};
}

class CudaStopwatch final : public Stopwatch {
 public:
  explicit CudaStopwatch(cuda::Device& device) : stopwatch_(device) {}
  void mark() override { stopwatch_.mark(cuda::Lane::kCompute); }
  [[nodiscard]] std::vector<std::int64_t> take_past_ns() override { return stopwatch_.take_past_ns(); }
  [[nodiscard]] std::vector<std::int64_t> take_all_ns() override { return stopwatch_.take_all_ns(); }

 private:
  cuda::LaneStopwatch stopwatch_;
};

/// Whoever waits for a device that adds up with others has to look at these as well.
void await(cuda::Device& device, cuda::Group* group, cuda::Mark mark) {
  if (group == nullptr) {
    device.await(mark);
  } else {
    group->await(mark);
  }
}

/// Added up on the device; the sums come to the host beside what is computed next.
class CudaSquareSums final : public SquareSumsOperation {
 public:
  CudaSquareSums(cuda::Device& device, cuda::Group* group, std::span<const Tensor* const> tensors)
      : device_(device),
        group_(group),
        count_(tensors.size()),
        squares_(device, tensors),
        sums_(device, bytes()),
        host_sums_(device, bytes(), cuda::MemoryPlace::kHost) {}

  void begin() override {
    auto* const sums = reinterpret_cast<double*>(sums_.data());
    squares_.run(sums);
    device_.follow(cuda::Lane::kToHost, cuda::Lane::kCompute);
    device_.copy_to_host(cuda::Lane::kToHost, host_sums_.data(), sums, bytes());
    there_ = device_.mark(cuda::Lane::kToHost);
  }
  [[nodiscard]] bool is_done() override { return device_.is_past(there_); }
  [[nodiscard]] std::span<const double> await() override {
    poseidon::await(device_, group_, there_);
    return {reinterpret_cast<const double*>(host_sums_.data()), count_};
  }

 private:
  [[nodiscard]] std::size_t bytes() const { return count_ * sizeof(double); }

  cuda::Device& device_;
  cuda::Group* const group_;
  const std::size_t count_;
  cuda::SquareSums squares_;
  cuda::DeviceMemory sums_;
  cuda::DeviceMemory host_sums_;
  cuda::Mark there_;
};

}  // namespace

cuda::Precision precision_named(const std::string& name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "tf32") return Precision::kTf32;
  if (name == "bf16") return Precision::kBf16;
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be fp32, tf32 or bf16");
}

/// Sufficient factors are float, whatever activations are. Workers put the same ones together, and have to get the same
/// sums.
class CudaBackend::Products {
 public:
  explicit Products(const cuda::Context& context) : context_(context) {}

  cuda::MatrixProduct& of(std::int64_t outputs, std::int64_t inputs, std::int64_t factors) {
    auto& product = products_[{outputs, inputs, factors}];
    if (!product) {
      product =
          make_matrix_product(context_, {.m = outputs, .n = inputs, .k = factors, .a_turned = true, .timed = false});
    }
    return *product;
  }

 private:
  const cuda::Context& context_;
  std::map<std::array<std::int64_t, 3>, std::unique_ptr<cuda::MatrixProduct>> products_;
};

int CudaBackend::device_of(int worker) { return worker % std::max(1, cuda::count_devices().count); }

CudaBackend::CudaBackend(const CudaOptions& options)
    : device_({.number = options.device, .plan_folder = options.plan_folder}),
      tell_(options.tell),
      context_{device_, options.precision, activations_of(options.precision)},
      products_(std::make_unique<Products>(context_)),
      sum_(std::make_shared<cuda::DeviceMemory>(device_, sizeof(double))),
      host_sum_(std::make_shared<cuda::DeviceMemory>(device_, sizeof(double), cuda::MemoryPlace::kHost)) {
  if (options.collective) group_.emplace(device_, options.collective, options.member);
}

CudaBackend::~CudaBackend() = default;

std::string CudaBackend::name() const { return fmt::format("cuda:{}", device_.number()); }

std::shared_ptr<Memory> CudaBackend::allocate(std::size_t bytes) {
  return std::make_shared<cuda::DeviceMemory>(device_, bytes);
}

void CudaBackend::upload(std::span<const float> from, Tensor& to) {
  if (to.description().is_row_major()) {
    device_.copy_to_device(cuda::Lane::kCompute, to.data(), from.data(), from.size_bytes());
    await_lane(cuda::Lane::kCompute);  // the caller may change what it gave
    return;
  }
  Tensor plain = make(TensorDescription::row_major(to.shape()));
  device_.copy_to_device(cuda::Lane::kCompute, plain.data(), from.data(), from.size_bytes());
  cuda::rearrange(device_, plain, to);
  await_lane(cuda::Lane::kCompute);  // before `plain` goes
}

void CudaBackend::download(const Tensor& from, std::span<float> to) {
  if (from.description().is_row_major()) {
    device_.copy_to_host(cuda::Lane::kCompute, to.data(), from.data(), to.size_bytes());
    await_lane(cuda::Lane::kCompute);
  } else {
    Tensor plain = make(TensorDescription::row_major(from.shape()));
    cuda::rearrange(device_, from, plain);
    device_.copy_to_host(cuda::Lane::kCompute, to.data(), plain.data(), to.size_bytes());
    await_lane(cuda::Lane::kCompute);  // before `plain` goes
  }
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
  await_lane(cuda::Lane::kCompute);  // before `plain` goes
}

void CudaBackend::synchronize() {
  for (const cuda::Lane lane : {cuda::Lane::kCompute, cuda::Lane::kToHost, cuda::Lane::kToDevice}) await_lane(lane);
}

void CudaBackend::await_lane(cuda::Lane lane) { poseidon::await(device_, own_group(), device_.mark(lane)); }

std::shared_ptr<Memory> CudaBackend::allocate_host(std::size_t bytes) {
  return std::make_shared<cuda::DeviceMemory>(device_, bytes, cuda::MemoryPlace::kHost);
}

Ticket CudaBackend::begin_download(const Tensor& from, std::span<float> to) {
  device_.follow(cuda::Lane::kToHost, cuda::Lane::kCompute);
  return begin_copy(Ticket::Way::kToHost, to.data(), from.data(), to.size_bytes());
}

Ticket CudaBackend::begin_upload(std::span<const float> from, Tensor& to, UploadOrder order) {
  if (order == UploadOrder::kInOrder) device_.follow(cuda::Lane::kToDevice, cuda::Lane::kCompute);
  return begin_copy(Ticket::Way::kToDevice, to.data(), from.data(), from.size_bytes());
}

Ticket CudaBackend::begin_copy(Ticket::Way way, void* to, const void* from, std::size_t bytes) {
  const cuda::Lane lane = mark_of({.way = way}).lane;
  if (recorder_) recorder_->begin(lane);
  if (way == Ticket::Way::kToHost) {
    device_.copy_to_host(lane, to, from, bytes);
  } else {
    device_.copy_to_device(lane, to, from, bytes);
  }
  if (recorder_) recorder_->end(lane, DeviceTransfer::Kind::kCopy, bytes);
  return {way, device_.mark(lane).number};
}

std::unique_ptr<Stopwatch> CudaBackend::stopwatch() { return std::make_unique<CudaStopwatch>(device_); }

void CudaBackend::record_transfers() {
  recorder_.emplace(device_);
  if (group_) group_->record_with(*recorder_);
}

std::vector<DeviceTransfer> CudaBackend::take_transfers() {
  return recorder_ ? recorder_->take() : std::vector<DeviceTransfer>();
}

void CudaBackend::follow(Ticket ticket) { device_.follow(cuda::Lane::kCompute, mark_of(ticket)); }

bool CudaBackend::is_past(Ticket ticket) {
  return group_ ? group_->is_past(mark_of(ticket)) : device_.is_past(mark_of(ticket));
}

void CudaBackend::await(Ticket ticket) { poseidon::await(device_, own_group(), mark_of(ticket)); }

void CudaBackend::fill(Tensor& tensor, float value) { cuda::fill(device_, tensor, value); }

void CudaBackend::add_scaled(double a, const Tensor& x, Tensor& y) { cuda::add_scaled(device_, a, x, y); }

void CudaBackend::add_running(double decay, std::span<const RunningSum> sums) {
  cuda::add_running(device_, decay, sums);
}

void CudaBackend::read_running(const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean) {
  cuda::read_running(device_, sum, weight, otherwise, mean);
}

double CudaBackend::sum_of_squares(const Tensor& tensor) {
  auto* const sum = reinterpret_cast<double*>(sum_->data());
  cuda::sum_of_squares(device_, tensor, sum);
  device_.copy_to_host(cuda::Lane::kCompute, host_sum_->data(), sum, sizeof *sum);
  await_lane(cuda::Lane::kCompute);
  return *reinterpret_cast<const double*>(host_sum_->data());
}

std::unique_ptr<SquareSumsOperation> CudaBackend::sums_of_squares(std::vector<const Tensor*> tensors) {
  return std::make_unique<CudaSquareSums>(device_, own_group(), tensors);
}

std::unique_ptr<RepeatedWork> CudaBackend::repeated(std::function<void()> ask) {
  const auto tell = [this](const std::string& why) {
    if (tell_ && !std::exchange(told_of_recording_, true)) tell_(why);
  };
  return std::make_unique<cuda::RecordedWork>(device_, std::move(ask), tell);
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

std::unique_ptr<PixelOperation> CudaBackend::pixels(const PixelTransform& transform, const Shape& images) {
  return cuda::make_pixels(context_, transform, images);
}

std::unique_ptr<ConvolutionOperation> CudaBackend::convolution(const ConvolutionOptions& options,
                                                               const TensorDescription& input) {
  return cuda::make_convolution(context_, options, input);
}

std::unique_ptr<InnerProductOperation> CudaBackend::inner_product(const InnerProductOptions& options,
                                                                  const TensorDescription& input) {
  return cuda::make_inner_product(context_, options, input);
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

std::unique_ptr<BatchNormalisationOperation> CudaBackend::batch_normalisation(const BatchNormalisationOptions& options,
                                                                              const TensorDescription& input) {
  return cuda::make_batch_normalisation(context_, options, input);
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
