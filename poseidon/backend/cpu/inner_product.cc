// Fully connected layers as matrix products of row-major matrices.

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include <oneapi/dnnl/dnnl.hpp>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

POSEIDON_VECTORISED void add_row(const float* row, float* sums, std::int64_t width) {
  for (std::int64_t i = 0; i < width; ++i) sums[i] += row[i];
}

/// Whether OpenBLAS is the faster where neither matrix is transposed and the second has k rows of n
/// (docs/design/poseidon.md).
bool is_for_openblas(std::int64_t m, std::int64_t n, std::int64_t k) {
  return n * k >= 1 << 20 && std::max({m, n, k}) <= std::numeric_limits<blasint>::max();
}

/// c (m x n) = a * b by OpenBLAS, each thread some columns: its own threads would let only one worker compute at a
/// time.
void multiply_by_openblas(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b, float* c) {
  const auto number = [](auto value) { return static_cast<blasint>(value); };
  const auto columns = [&](std::size_t first, std::size_t end) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, number(m), number(end - first), number(k), 1.0F, a,
                number(k), b + first, number(n), 0.0F, c + first, number(n));
  };
  parallel(static_cast<std::size_t>(n), columns, /*from=*/1);
}

class CpuInnerProduct final : public InnerProductOperation {
 public:
  CpuInnerProduct(const Device& device, std::int64_t outputs, const TensorDescription& input)
      : device_(device),
        batch_(input.shape[0]),
        inputs_(input.shape.count(1, input.shape.rank())),
        outputs_(outputs),
        output_(TensorDescription::row_major({batch_, outputs})),
        flatten_(device, desc_of(input), plain_desc(input.shape)),
        unflatten_(device, plain_desc(input.shape), desc_of(input)) {
    if (!flatten_.is_needed()) return;
    flat_.resize(static_cast<std::size_t>(batch_ * inputs_));
    flat_gradient_.resize(flat_.size());
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) override {
    flatten(input);
    if (is_narrow()) {
      turned_.resize(static_cast<std::size_t>(batch_ * outputs_));
      multiply(Transposed::kNo, Transposed::kYes, outputs_, batch_, inputs_, weight.data(), flat_data_, turned_.data());
      turn(bias == nullptr ? nullptr : bias->data(), output.data());
      return;
    }
    multiply(Transposed::kNo, Transposed::kYes, batch_, outputs_, inputs_, flat_data_, weight.data(), output.data());
    if (bias == nullptr) return;
    for (std::int64_t i = 0; i < batch_; ++i) add_row(bias->data(), output.data() + i * outputs_, outputs_);
  }

  void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) override {
    float* const target = flatten_.is_needed() ? flat_gradient_.data() : input_gradient.data();
    multiply(Transposed::kNo, Transposed::kNo, batch_, inputs_, outputs_, output_gradient.data(), weight.data(),
             target);
    if (flatten_.is_needed()) unflatten_.run(device_, target, input_gradient.data());
  }

  void backward_parameters(const Tensor& /*input*/, const Tensor& output_gradient, Tensor& weight_gradient,
                           Tensor* bias_gradient) override {
    multiply(Transposed::kYes, Transposed::kNo, outputs_, inputs_, batch_, output_gradient.data(), flat_data_,
             weight_gradient.data());
    if (bias_gradient != nullptr) sum_rows(output_gradient.data(), batch_, outputs_, bias_gradient->data());
  }

  [[nodiscard]] const Tensor& flat_input() const override { return flat_input_; }

 private:
  /// Whether the weight is so much larger than the batch that it had better not be packed: weight * input^T is then
  /// four times as fast as input * weight^T (docs/design/poseidon.md).
  [[nodiscard]] bool is_narrow() const { return outputs_ >= 4 * batch_; }

  /// output = turned_^T + bias, in blocks that stay in the nearest cache.
  void turn(const float* bias, float* output) const {
    constexpr std::int64_t kBlock = 16;
    for (std::int64_t first = 0; first < outputs_; first += kBlock) {
      const std::int64_t end = std::min(first + kBlock, outputs_);
      for (std::int64_t row = 0; row < batch_; ++row) {
        for (std::int64_t column = first; column < end; ++column) {
          const float shift = bias == nullptr ? 0.0F : bias[column];
          output[row * outputs_ + column] = turned_[static_cast<std::size_t>(column * batch_ + row)] + shift;
        }
      }
    }
  }

  /// Remembers where the last forward's input is as a row-major matrix.
  void flatten(const Tensor& input) {
    const TensorDescription matrix = TensorDescription::row_major({batch_, inputs_});
    if (!flatten_.is_needed()) {
      flat_input_ = input.reshaped(matrix.shape);
      flat_data_ = flat_input_.data();
      return;
    }
    flatten_.run(device_, input.data(), flat_.data());
    flat_data_ = flat_.data();
    if (flat_input_.empty()) flat_input_ = Tensor(matrix, std::make_shared<Borrowed>(flat_));
  }

  /// Memory that somebody else owns.
  class Borrowed final : public Memory {
   public:
    explicit Borrowed(std::vector<float>& elements) : elements_(elements) {}
    [[nodiscard]] std::byte* data() override { return reinterpret_cast<std::byte*>(elements_.data()); }
    [[nodiscard]] std::size_t bytes() const override { return elements_.size() * sizeof(float); }

   private:
    std::vector<float>& elements_;
  };

  const Device& device_;
  const std::int64_t batch_, inputs_, outputs_;
  const TensorDescription output_;
  Rearranger flatten_, unflatten_;
  std::vector<float> flat_, flat_gradient_;  ///< where the input is arranged otherwise
  std::vector<float> turned_;                ///< outputs x batch, where the batch is narrow
  Tensor flat_input_;
  const float* flat_data_ = nullptr;
};

}  // namespace

void multiply(Transposed transpose_a, Transposed transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
              const float* a, const float* b, float* c) {
  const bool a_turned = transpose_a == Transposed::kYes;
  const bool b_turned = transpose_b == Transposed::kYes;
  if (!a_turned && !b_turned && is_for_openblas(m, n, k)) return multiply_by_openblas(m, n, k, a, b, c);
  const dnnl::status status = dnnl::sgemm(a_turned ? 'T' : 'N', b_turned ? 'T' : 'N', m, n, k, 1.0F, a,
                                          a_turned ? m : k, b, b_turned ? k : n, 0.0F, c, n);
  if (status == dnnl::status::success) return;
  throw OutOfMemory(fmt::format("a product of {} x {} by {} x {} was not computed, for want of memory", m, k, k, n));
}

void sum_rows(const float* a, std::int64_t rows, std::int64_t width, float* sums) {
  std::copy(a, a + width, sums);
  for (std::int64_t row = 1; row < rows; ++row) add_row(a + row * width, sums, width);
}

std::unique_ptr<InnerProductOperation> make_inner_product(const Device& device, std::int64_t outputs,
                                                          const TensorDescription& input) {
  return std::make_unique<CpuInnerProduct>(device, outputs, input);
}

}  // namespace poseidon::cpu
