#include "poseidon/backend/cpu/cpu_backend.h"

#include <fmt/format.h>
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon {
namespace {

constexpr std::size_t kAlignment = 4096;
/// From here on large pages save time.
constexpr std::size_t kLargePageBytes = std::size_t{2} << 20;

class HostMemory final : public Memory {
 public:
  explicit HostMemory(std::size_t bytes) : bytes_(bytes) {
    const std::size_t alignment = bytes >= kLargePageBytes ? kLargePageBytes : kAlignment;
    const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    data_ = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
    if (data_ == nullptr) {
      throw OutOfMemory(fmt::format("out of memory: {} bytes were asked for", bytes));
    }
    if (bytes >= kLargePageBytes) ::madvise(data_, rounded, MADV_HUGEPAGE);
    std::memset(data_, 0, rounded);
  }
  ~HostMemory() override { std::free(data_); }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;

  [[nodiscard]] std::byte* data() override { return data_; }
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_;
};

POSEIDON_VECTORISED void add_scaled_part(float a, const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] += a * x[i];
}

// In double, so that a large tensor's small values are not lost.
POSEIDON_VECTORISED double sum_of_squares_part(const float* x, std::size_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

/// What `make` returns. OneDNN's refusals become errors that nets know.
template <class Make>
auto made(const Make& make) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw OutOfMemory(fmt::format("out of memory: {}", error.message));
    throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("oneDNN: {}", error.message));
  }
}

}  // namespace

// oneDNN's threads wait for each other at barriers, so there must not be fewer than it is told (OMP_THREAD_LIMIT).
CpuBackend::CpuBackend(int threads) { omp_set_num_threads(std::min(threads, omp_get_thread_limit())); }

std::shared_ptr<Memory> CpuBackend::allocate(std::size_t bytes) { return std::make_shared<HostMemory>(bytes); }

void CpuBackend::upload(std::span<const float> from, Tensor& to) {
  if (to.description().is_row_major()) {
    std::memcpy(to.data(), from.data(), from.size_bytes());
    return;
  }
  cpu::Rearranger(device_, cpu::plain_desc(to.shape()), cpu::desc_of(to.description()))
      .run(device_, from.data(), to.data());
}

void CpuBackend::download(const Tensor& from, std::span<float> to) {
  if (from.description().is_row_major()) {
    std::memcpy(to.data(), from.data(), to.size_bytes());
    return;
  }
  cpu::Rearranger(device_, cpu::desc_of(from.description()), cpu::plain_desc(from.shape()))
      .run(device_, from.data(), to.data());
}

// Through row-major where shapes differ: then elements correspond in that order.
void CpuBackend::copy(const Tensor& from, Tensor& to) {
  if (from.shape() == to.shape()) {
    const dnnl::memory::desc source = cpu::desc_of(from.description());
    const dnnl::memory::desc target = cpu::desc_of(to.description());
    cpu::Rearranger rearranger(device_, source, target);
    if (rearranger.is_needed()) {
      rearranger.run(device_, from.data(), to.data());
    } else {
      std::memcpy(to.data(), from.data(), from.description().bytes);
    }
  } else if (to.description().is_row_major()) {
    download(from, {to.data(), static_cast<std::size_t>(to.count())});
  } else {
    std::vector<float> elements(static_cast<std::size_t>(from.count()));
    download(from, elements);
    upload(elements, to);
  }
}

void CpuBackend::fill(Tensor& tensor, float value) {
  if (tensor.description().is_row_major()) {
    std::fill_n(tensor.data(), tensor.count(), value);
  } else {
    upload(std::vector<float>(static_cast<std::size_t>(tensor.count()), value), tensor);
  }
}

void CpuBackend::add_scaled(double a, const Tensor& x, Tensor& y) {
  const float* const from = x.data();
  float* const to = y.data();
  cpu::parallel(cpu::stored_elements(x.description()), [&](std::size_t first, std::size_t end) {
    add_scaled_part(static_cast<float>(a), from + first, to + first, end - first);
  });
}

double CpuBackend::sum_of_squares(const Tensor& tensor) {
  // In parts of one size, added up in their order: the sum is the same with any number of threads.
  const std::size_t count = cpu::stored_elements(tensor.description());
  const float* const x = tensor.data();
  std::vector<double> sums((count + cpu::kParallelElements - 1) / cpu::kParallelElements);
#pragma omp parallel for schedule(static) if (sums.size() > 1)
  for (std::size_t part = 0; part < sums.size(); ++part) {
    const std::size_t first = part * cpu::kParallelElements;
    sums[part] = sum_of_squares_part(x + first, std::min(cpu::kParallelElements, count - first));
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void CpuBackend::multiply_factors(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient) {
  cpu::multiply(cpu::Transposed::kYes, cpu::Transposed::kNo, output_gradient.shape()[1], input.shape()[1],
                input.shape()[0], output_gradient.data(), input.data(), weight_gradient.data());
}

void CpuBackend::sum_rows(const Tensor& output_gradient, Tensor& bias_gradient) {
  cpu::sum_rows(output_gradient.data(), output_gradient.shape()[0], output_gradient.shape()[1], bias_gradient.data());
}

void CpuBackend::update(const UpdateRule& rule, std::span<const UpdateTarget> targets) {
  for (const UpdateTarget& target : targets) cpu::update(rule, target);
}

std::unique_ptr<ConvolutionOperation> CpuBackend::convolution(const ConvolutionOptions& options,
                                                              const TensorDescription& input) {
  return made([&] { return cpu::make_convolution(device_, options, input); });
}

std::unique_ptr<InnerProductOperation> CpuBackend::inner_product(const InnerProductOptions& options,
                                                                 const TensorDescription& input) {
  return made([&] { return cpu::make_inner_product(device_, options.outputs, input); });
}

std::unique_ptr<UnaryOperation> CpuBackend::pooling(const PoolingOptions& options, const TensorDescription& input) {
  return made([&] { return cpu::make_pooling(device_, options, input); });
}

std::unique_ptr<UnaryOperation> CpuBackend::activation(const ActivationOptions& options,
                                                       const TensorDescription& input) {
  return made([&] { return cpu::make_activation(device_, options, input); });
}

std::unique_ptr<UnaryOperation> CpuBackend::lrn(const LrnOptions& options, const TensorDescription& input) {
  return made([&] { return cpu::make_lrn(device_, options, input); });
}

std::unique_ptr<UnaryOperation> CpuBackend::softmax(const TensorDescription& input) {
  return made([&] { return cpu::make_softmax(device_, input); });
}

std::unique_ptr<BatchNormalisationOperation> CpuBackend::batch_normalisation(const BatchNormalisationOptions& options,
                                                                             const TensorDescription& input) {
  return made([&] { return cpu::make_batch_normalisation(device_, options, input); });
}

std::unique_ptr<SoftmaxLossOperation> CpuBackend::softmax_loss(const SoftmaxLossOptions& options,
                                                               const TensorDescription& input) {
  return made([&] { return cpu::make_softmax_loss(device_, options, input); });
}

std::unique_ptr<DropoutOperation> CpuBackend::dropout(double ratio, std::uint64_t seed,
                                                      const TensorDescription& input) {
  return cpu::make_dropout(ratio, seed, input);
}

std::unique_ptr<MergeOperation> CpuBackend::concat(int axis, std::span<const TensorDescription> inputs) {
  return made([&] { return cpu::make_concat(device_, axis, inputs); });
}

std::unique_ptr<MergeOperation> CpuBackend::eltwise(const EltwiseOptions& options,
                                                    std::span<const TensorDescription> inputs) {
  return made([&] { return cpu::make_eltwise(device_, options, inputs); });
}

}  // namespace poseidon
