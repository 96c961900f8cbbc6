#include "poseidon/cli/device_choice.h"

#ifdef POSEIDON_HAS_CUDA
#include <fmt/format.h>
#endif

#include <charconv>

#include "bosen/error.h"
#include "bosen/say.h"
#include "poseidon/backend/cpu/cpu_backend.h"
#ifdef POSEIDON_HAS_CUDA
#include "poseidon/backend/cuda/cuda_backend.h"
#endif

namespace poseidon {
namespace {

constexpr std::string_view kCuda = "cuda";

/// The number in cuda:N; below 0 where the name is none of these.
int gpu_of(std::string_view name) {
  if (!name.starts_with("cuda:")) return -1;
  const std::string_view digits = name.substr(kCuda.size() + 1);
  int number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : -1;
}

}  // namespace

void check_device_name(const std::string& name) {
  if (name == "cpu" || name == kCuda || gpu_of(name) >= 0) return;
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be cpu, cuda or cuda:N");
}

std::string gpu_support() {
#ifdef POSEIDON_HAS_CUDA
  const cuda::DeviceCount devices = cuda::count_devices();
  return devices.count > 0 ? fmt::format("with CUDA, {} GPUs here", devices.count)
                           : "with CUDA, no GPU here: " + devices.why_none;
#else
  return "without CUDA";
#endif
}

std::unique_ptr<Backend> DeviceChoice::make(int threads, [[maybe_unused]] int worker) const {
  if (device == "cpu") {
    if (precision != "fp32") {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         "--precision " + precision + " is for GPUs: add --device cuda, or leave it out");
    }
    if (!plan_cache.empty()) {
      throw bosen::Error(bosen::ErrorKind::kUsage, "--plan-cache is for GPUs: add --device cuda, or leave it out");
    }
    return std::make_unique<CpuBackend>(threads);
  }
#ifdef POSEIDON_HAS_CUDA
  const int number = device == kCuda ? CudaBackend::device_of(worker) : gpu_of(device);
  const auto tell = [number](const std::string& text) {
    bosen::say(fmt::format("poseidon: cuda:{}: {}\n", number, text));
  };
  return std::make_unique<CudaBackend>(
      CudaOptions{.device = number, .precision = precision_named(precision), .plan_folder = plan_cache, .tell = tell});
#else
  throw bosen::Error(bosen::ErrorKind::kDevice,
                     "--device " + device +
                         ": this program was built without CUDA: build it where nvcc and cuDNN 9 are installed, or use "
                         "--device cpu");
#endif
}

}  // namespace poseidon
