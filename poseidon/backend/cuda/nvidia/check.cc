#include "poseidon/backend/cuda/nvidia/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "bosen/error.h"

namespace poseidon::cuda {
namespace {

[[noreturn]] void fail(const char* what, const char* reason, const std::string& detail = {}) {
  throw bosen::Error(bosen::ErrorKind::kDevice,
                     fmt::format("cuda: cannot {}: {}{}{}", what, reason, detail.empty() ? "" : ": ", detail));
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // who goes on after this would meet it at the next launch
  fail(what, cudaGetErrorString(status));
}

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(what, cublasLtGetStatusString(status));
}

void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> detail{};
  cudnnGetLastErrorString(detail.data(), detail.size());
  std::string line(detail.data());
  std::replace(line.begin(), line.end(), '\n', ' ');
  fail(what, cudnnGetErrorString(status), line);
}

}  // namespace poseidon::cuda
