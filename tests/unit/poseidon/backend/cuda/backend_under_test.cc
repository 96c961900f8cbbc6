// The CUDA backend, on a GPU or emulated, at the precision that BOSEN_TEST_PRECISION names.

#include "tests/unit/poseidon/backend/backend_under_test.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "poseidon/backend/cuda/cuda_backend.h"

namespace poseidon::test {
namespace {

double to_float_number(double value) { return static_cast<double>(static_cast<float>(value)); }

double to_bf16_number(double value) {
  return static_cast<double>(cuda::to_float(cuda::from_float<cuda::Bf16>(static_cast<float>(value))));
}

}  // namespace

BackendUnderTest make_backend_under_test() {
  const cuda::DeviceCount devices = cuda::count_devices();
  if (devices.count == 0) {
    std::printf("skipped, every test of this program: %s\n", devices.why_none.c_str());
    std::fflush(stdout);
    std::_Exit(77);
  }
  const char* const name = std::getenv("BOSEN_TEST_PRECISION");
  const cuda::Precision precision = precision_named(name == nullptr ? "fp32" : name);
  const bool bf16 = precision == cuda::Precision::kBf16;
  return {.backend = std::make_unique<CudaBackend>(CudaOptions{.device = 0, .precision = precision, .plan_folder = {}}),
          .representable = bf16 ? to_bf16_number : to_float_number,
          .tolerance = bf16 ? 2e-2 : (precision == cuda::Precision::kTf32 ? 5e-3 : 0)};
}

}  // namespace poseidon::test
