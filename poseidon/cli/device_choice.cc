#include "poseidon/cli/device_choice.h"

#ifdef POSEIDON_HAS_CUDA
#include <fmt/format.h>
#include <fmt/ranges.h>
#endif

#include <charconv>
#include <utility>
#include <vector>

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

#ifdef POSEIDON_HAS_CUDA
namespace {

int gpu_for(const std::string& device, int worker) {
  return device == kCuda ? CudaBackend::device_of(worker) : gpu_of(device);
}

std::unique_ptr<Backend> make_cuda(const DeviceChoice& choice, int worker,
                                   std::shared_ptr<cuda::Collective> collective = nullptr, int member = 0) {
  const int number = gpu_for(choice.device, worker);
  const auto tell = [number](const std::string& text) {
    bosen::say(fmt::format("poseidon: cuda:{}: {}\n", number, text));
  };
  return std::make_unique<CudaBackend>(CudaOptions{.device = number,
                                                   .precision = precision_named(choice.precision),
                                                   .plan_folder = choice.plan_cache,
                                                   .tell = tell,
                                                   .collective = std::move(collective),
                                                   .member = member});
}

/// GPUs that add up among themselves.
class GpuGroup final : public BackendFactory {
 public:
  GpuGroup(DeviceChoice choice, int first_worker, std::shared_ptr<cuda::Collective> collective)
      : choice_(std::move(choice)), first_worker_(first_worker), collective_(std::move(collective)) {}

  [[nodiscard]] std::unique_ptr<Backend> make(int worker, int /*threads*/) override {
    return make_cuda(choice_, worker, collective_, worker - first_worker_);
  }
  void give_up() noexcept override { collective_->give_up(); }

 private:
  const DeviceChoice choice_;
  const int first_worker_;
  const std::shared_ptr<cuda::Collective> collective_;
};

/// nullptr where the workers' GPUs, or what they exchange, are not made for it.
std::unique_ptr<BackendFactory> make_gpu_group(const DeviceChoice& choice, const bosen::Cluster& cluster) {
  const int workers = cluster.local_workers();
  const bool exchanges_gradients = cluster.options().consistency == bosen::Consistency::kBsp;
  if (choice.device == "cpu" || workers == 1 || !exchanges_gradients || cuda::count_devices().count == 0)
    return nullptr;
  const int first_worker = cluster.rank() * workers;
  std::vector<int> gpus;
  for (int worker = first_worker; worker < first_worker + workers; ++worker) {
    gpus.push_back(gpu_for(choice.device, worker));
  }
  const std::string why_not = cuda::why_no_collective(gpus);
  if (!why_not.empty()) {
    bosen::say(fmt::format("poseidon: workers of a process add up in the host's memory, as {}\n", why_not));
    return nullptr;
  }
  auto collective = cuda::make_collective(gpus);
  bosen::say(fmt::format("poseidon: GPUs {} add up among themselves ({})\n", fmt::join(gpus, ", "),
                         cuda::collective_library()));
  return std::make_unique<GpuGroup>(choice, first_worker, std::move(collective));
}

}  // namespace
#endif

std::unique_ptr<BackendFactory> make_backend_factory(const DeviceChoice& choice,
                                                     [[maybe_unused]] const bosen::Cluster& cluster) {
#ifdef POSEIDON_HAS_CUDA
  if (auto group = make_gpu_group(choice, cluster)) return group;
#endif
  class Separate final : public BackendFactory {
   public:
    explicit Separate(DeviceChoice choice) : choice_(std::move(choice)) {}
    [[nodiscard]] std::unique_ptr<Backend> make(int worker, int threads) override {
      return choice_.make(threads, worker);
    }

   private:
    const DeviceChoice choice_;
  };
  return std::make_unique<Separate>(choice);
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
  return make_cuda(*this, worker);
#else
  throw bosen::Error(bosen::ErrorKind::kDevice,
                     "--device " + device +
                         ": this program was built without CUDA: build it where nvcc and cuDNN 9 are installed, or use "
                         "--device cpu");
#endif
}

}  // namespace poseidon
