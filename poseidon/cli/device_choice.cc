#include "poseidon/cli/device_choice.h"

#include <fmt/format.h>
#include <omp.h>
#ifdef POSEIDON_HAS_CUDA
#include <fmt/ranges.h>
#endif

#include <algorithm>
#include <charconv>
#include <mutex>
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

/// Threads that wait for each other are slower than fewer when they have to take turns.
void tell_of_turns(int threads, int workers) {
  const int cores = omp_get_num_procs();
  if (threads == 1 || threads * workers <= cores) return;
  const std::string all =
      workers == 1 ? fmt::format("{} threads", threads) : fmt::format("{} workers of {} threads", workers, threads);
  bosen::say(fmt::format("poseidon: {} take turns on {} cores, which is slow: lower --threads to {}\n", all, cores,
                         std::max(1, cores / workers)));
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

/// GPUs that add up among themselves, where they can.
class GpuGroup final : public BackendFactory {
 public:
  GpuGroup(DeviceChoice choice, const bosen::Cluster& cluster)
      : choice_(std::move(choice)), first_worker_(cluster.rank() * cluster.local_workers()) {
    for (int member = 0; member < cluster.local_workers(); ++member) {
      gpus_.push_back(gpu_for(choice_.device, first_worker_ + member));
    }
  }

  [[nodiscard]] std::unique_ptr<Backend> make(int worker, int /*threads*/) override {
    return make_cuda(choice_, worker, met(), worker - first_worker_);
  }
  void give_up() noexcept override {
    const std::lock_guard lock(mutex_);
    if (collective_) collective_->give_up();
  }

 private:
  std::shared_ptr<cuda::Collective> met() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(has_met_, true)) meet();
    return collective_;
  }

  void meet() {
    std::string why_not = cuda::why_no_collective(gpus_);
    try {
      if (why_not.empty()) collective_ = cuda::make_collective(gpus_);
    } catch (const bosen::Error& error) {
      why_not = error.what();
    }
    bosen::say(collective_ ? fmt::format("poseidon: GPUs {} add up among themselves ({})\n", fmt::join(gpus_, ", "),
                                         cuda::collective_library())
                           : fmt::format("poseidon: the {} workers of a process add up in the host's memory: {}\n",
                                         gpus_.size(), why_not));
  }

  const DeviceChoice choice_;
  const int first_worker_;
  std::vector<int> gpus_;  ///< by worker of the process
  std::mutex mutex_;       ///< guards the rest
  bool has_met_ = false;
  std::shared_ptr<cuda::Collective> collective_;  ///< none where workers add up in the host's memory
};

/// Whether workers of a process exchange gradients, and have GPUs.
bool wants_gpu_group(const DeviceChoice& choice, const bosen::Cluster& cluster) {
  return choice.device != "cpu" && cluster.local_workers() > 1 &&
         cluster.options().consistency == bosen::Consistency::kBsp && cuda::count_devices().count > 0;
}

}  // namespace
#endif

namespace {

std::unique_ptr<Backend> make_backend(const DeviceChoice& choice, int threads, [[maybe_unused]] int worker) {
  if (choice.device == "cpu") {
    if (choice.precision != "fp32") {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         "--precision " + choice.precision + " is for GPUs: add --device cuda, or leave it out");
    }
    if (!choice.plan_cache.empty()) {
      throw bosen::Error(bosen::ErrorKind::kUsage, "--plan-cache is for GPUs: add --device cuda, or leave it out");
    }
    return std::make_unique<CpuBackend>(threads);
  }
#ifdef POSEIDON_HAS_CUDA
  return make_cuda(choice, worker);
#else
  throw bosen::Error(bosen::ErrorKind::kDevice,
                     "--device " + choice.device +
                         ": this program was built without CUDA: build it where nvcc and cuDNN 9 are installed, or use "
                         "--device cpu");
#endif
}

/// Workers' backends that know nothing of each other.
class SeparateBackends final : public BackendFactory {
 public:
  explicit SeparateBackends(DeviceChoice choice) : choice_(std::move(choice)) {}
  [[nodiscard]] std::unique_ptr<Backend> make(int worker, int threads) override {
    return make_backend(choice_, threads, worker);
  }

 private:
  const DeviceChoice choice_;
};

}  // namespace

std::unique_ptr<Backend> DeviceChoice::make(int threads) const {
  if (device == "cpu") tell_of_turns(threads, 1);
  return make_backend(*this, threads, 0);
}

std::unique_ptr<BackendFactory> make_backend_factory(const DeviceChoice& choice, const bosen::Cluster& cluster) {
  if (choice.device == "cpu") tell_of_turns(static_cast<int>(cluster.options().threads), cluster.local_workers());
#ifdef POSEIDON_HAS_CUDA
  if (wants_gpu_group(choice, cluster)) return std::make_unique<GpuGroup>(choice, cluster);
#endif
  return std::make_unique<SeparateBackends>(choice);
}

}  // namespace poseidon
