// The CUDA backend, on a GPU or emulated, at the precision that BOSEN_TEST_PRECISION names.

#include "tests/unit/poseidon/backend/backend_under_test.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "poseidon/backend/cuda/cuda_backend.h"

namespace poseidon::test {
namespace {

double to_float_number(double value) { return static_cast<double>(static_cast<float>(value)); }

double to_bf16_number(double value) {
  return static_cast<double>(cuda::to_float(cuda::from_float<cuda::Bf16>(static_cast<float>(value))));
}

/// How many there are. Ends the program where there are none.
int expect_devices() {
  const cuda::DeviceCount devices = cuda::count_devices();
  if (devices.count == 0) {
    std::printf("skipped, every test of this program: %s\n", devices.why_none.c_str());
    std::fflush(stdout);
    std::_Exit(77);
  }
  return devices.count;
}

BackendUnderTest make_backend(int device, std::shared_ptr<cuda::Collective> collective, int member) {
  const char* const name = std::getenv("BOSEN_TEST_PRECISION");
  const cuda::Precision precision = precision_named(name == nullptr ? "fp32" : name);
  const bool bf16 = precision == cuda::Precision::kBf16;
  return {.backend = std::make_unique<CudaBackend>(CudaOptions{.device = device,
                                                               .precision = precision,
                                                               .plan_folder = {},
                                                               .collective = std::move(collective),
                                                               .member = member}),
          .representable = bf16 ? to_bf16_number : to_float_number,
          .tolerance = bf16 ? 2e-2 : (precision == cuda::Precision::kTf32 ? 5e-3 : 0)};
}

class CudaGroupUnderTest final : public GroupUnderTest {
 public:
  explicit CudaGroupUnderTest(std::vector<int> devices)
      : devices_(std::move(devices)), collective_(cuda::make_collective(devices_)) {}

  [[nodiscard]] BackendUnderTest join(int place) override {
    return make_backend(devices_[static_cast<std::size_t>(place)], collective_, place);
  }
  void give_up() override { collective_->give_up(); }

 private:
  const std::vector<int> devices_;
  const std::shared_ptr<cuda::Collective> collective_;
};

}  // namespace

BackendUnderTest make_backend_under_test() {
  expect_devices();
  return make_backend(0, nullptr, 0);
}

std::vector<std::unique_ptr<GroupUnderTest>> make_groups_under_test(int groups, int members) {
  const int count = expect_devices();
  std::vector<int> devices;
  for (int member = 0; member < groups * members; ++member) devices.push_back(member % count);
  const std::span<const int> of_one = std::span(devices).first(1);
  if (!cuda::why_no_collective(members == 1 ? of_one : devices).empty()) return {};
  std::vector<std::unique_ptr<GroupUnderTest>> result;
  for (auto first = devices.begin(); first != devices.end(); first += members) {
    result.push_back(std::make_unique<CudaGroupUnderTest>(std::vector(first, first + members)));
  }
  return result;
}

}  // namespace poseidon::test
