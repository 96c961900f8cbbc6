// Matrix products by cuBLASLt. It counts columns first, so a row-major c = a * b is its c^T = b^T * a^T: operands
// change places and keep their memory.

#include "poseidon/backend/cuda/matrix_product.h"

#include <array>
#include <memory>
#include <optional>

#include "bosen/error.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"

namespace poseidon::cuda {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;
constexpr int kCandidates = 8;

cudaDataType_t type_of(Element element) { return element == Element::kFloat ? CUDA_R_32F : CUDA_R_16BF; }

/// A description of a matrix as cuBLASLt counts it; freed with it.
class MatrixLayout {
 public:
  MatrixLayout(Element element, std::int64_t rows, std::int64_t columns) {
    check(cublasLtMatrixLayoutCreate(&layout_, type_of(element), static_cast<std::uint64_t>(rows),
                                     static_cast<std::uint64_t>(columns), rows),
          "describe a matrix");
  }
  ~MatrixLayout() { cublasLtMatrixLayoutDestroy(layout_); }
  MatrixLayout(const MatrixLayout&) = delete;
  MatrixLayout& operator=(const MatrixLayout&) = delete;
  [[nodiscard]] cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class CublasProduct final : public MatrixProduct {
 public:
  CublasProduct(Device& device, Precision precision, const ProductShape& shape)
      : device_(device),
        timed_(shape.timed),
        left_(shape.input, shape.b_turned ? shape.k : shape.n, shape.b_turned ? shape.n : shape.k),
        right_(shape.input, shape.a_turned ? shape.m : shape.k, shape.a_turned ? shape.k : shape.m),
        result_(shape.output, shape.n, shape.m) {
    const bool rounds = precision != Precision::kFp32 && shape.input == Element::kFloat;
    const cublasComputeType_t compute = rounds ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    check(cublasLtMatmulDescCreate(&operation_, compute, CUDA_R_32F), "describe a product");
    set(CUBLASLT_MATMUL_DESC_TRANSA, shape.b_turned ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, shape.a_turned ? CUBLAS_OP_T : CUBLAS_OP_N);
  }
  ~CublasProduct() override { cublasLtMatmulDescDestroy(operation_); }
  CublasProduct(const CublasProduct&) = delete;
  CublasProduct& operator=(const CublasProduct&) = delete;

  void run(const void* a, const void* b, void* c) override {
    if (!algorithm_) choose(a, b, c);
    check(multiply(*algorithm_, a, b, c), "multiply matrices");
  }

 private:
  void set(cublasLtMatmulDescAttributes_t attribute, cublasOperation_t value) {
    check(cublasLtMatmulDescSetAttribute(operation_, attribute, &value, sizeof value), "describe a product");
  }

  cublasStatus_t multiply(const cublasLtMatmulAlgo_t& algorithm, const void* a, const void* b, void* c) {
    const float one = 1;
    const float zero = 0;
    return cublasLtMatmul(device_.impl().cublas_handle(), operation_, &one, b, left_.get(), a, right_.get(), &zero, c,
                          result_.get(), c, result_.get(), &algorithm, device_.scratch(kWorkspaceBytes),
                          kWorkspaceBytes, static_cast<cudaStream_t>(device_.stream()));
  }

  // The fastest of those that the library takes for good ones.
  void choose(const void* a, const void* b, void* c) {
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "choose how to multiply");
    const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, decltype(&cublasLtMatmulPreferenceDestroy)> owner(
        preference, &cublasLtMatmulPreferenceDestroy);
    check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes,
                                               sizeof kWorkspaceBytes),
          "choose how to multiply");
    std::array<cublasLtMatmulHeuristicResult_t, kCandidates> candidates{};
    int found = 0;
    check(cublasLtMatmulAlgoGetHeuristic(device_.impl().cublas_handle(), operation_, left_.get(), right_.get(),
                                         result_.get(), result_.get(), preference, kCandidates, candidates.data(),
                                         &found),
          "choose how to multiply");
    double best_s = 0;
    for (int i = 0; i < found; ++i) {
      const cublasLtMatmulAlgo_t& candidate = candidates[static_cast<std::size_t>(i)].algo;
      if (multiply(candidate, a, b, c) != CUBLAS_STATUS_SUCCESS) continue;
      if (!timed_) {
        algorithm_ = candidate;
        break;
      }
      const double own_s =
          best_seconds(device_.impl(), [&] { check(multiply(candidate, a, b, c), "multiply matrices"); });
      if (algorithm_ && own_s >= best_s) continue;
      best_s = own_s;
      algorithm_ = candidate;
    }
    if (!algorithm_) throw bosen::Error(bosen::ErrorKind::kDevice, "cuda: cuBLASLt has no way to multiply this shape");
  }

  Device& device_;
  const bool timed_;
  const MatrixLayout left_, right_, result_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  std::optional<cublasLtMatmulAlgo_t> algorithm_;
};

}  // namespace

std::unique_ptr<MatrixProduct> make_matrix_product(const Context& context, const ProductShape& shape) {
  return std::make_unique<CublasProduct>(context.device, context.precision, shape);
}

}  // namespace poseidon::cuda
