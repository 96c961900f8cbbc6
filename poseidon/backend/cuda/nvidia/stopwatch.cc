// Moments by events that carry times.

#include <chrono>
#include <deque>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/nvidia/check.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"

namespace poseidon::cuda {
namespace {

constexpr const char* kRecord = "record an event";

std::int64_t host_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

/// Times are counted from the last moment taken, as the device tells distances in floats of milliseconds.
class LaneStopwatch::Impl {
 public:
  explicit Impl(Device& device) : device_(device), origin_(take_event()) {
    device_.synchronize();
    check(cudaEventRecord(origin_, device_.impl().stream(Lane::kCompute)), kRecord);
    check(cudaEventSynchronize(origin_), kRecord);
    origin_ns_ = host_ns();
  }
  ~Impl() {
    for (const cudaEvent_t event : pending_) cudaEventDestroy(event);
    for (const cudaEvent_t event : spare_) cudaEventDestroy(event);
    cudaEventDestroy(origin_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void mark(Lane lane) {
    pending_.push_back(take_event());
    check(cudaEventRecord(pending_.back(), device_.impl().stream(lane)), kRecord);
  }

  std::vector<std::int64_t> take(bool wait) {
    std::vector<std::int64_t> moments_ns;
    while (!pending_.empty()) {
      const cudaEvent_t event = pending_.front();
      if (wait) check(cudaEventSynchronize(event), "go on: work on the device failed");
      const cudaError_t status = cudaEventQuery(event);
      if (status == cudaErrorNotReady) break;
      check(status, "go on: work on the device failed");
      float elapsed_ms = 0;
      check(cudaEventElapsedTime(&elapsed_ms, origin_, event), "read a time");
      origin_ns_ += static_cast<std::int64_t>(static_cast<double>(elapsed_ms) * 1e6);
      moments_ns.push_back(origin_ns_);
      spare_.push_back(origin_);
      origin_ = event;
      pending_.pop_front();
    }
    return moments_ns;
  }

 private:
  cudaEvent_t take_event() {
    cudaEvent_t event = nullptr;
    if (spare_.empty()) {
      check(cudaEventCreate(&event), "make an event");
    } else {
      event = spare_.back();
      spare_.pop_back();
    }
    return event;
  }

  Device& device_;
  std::vector<cudaEvent_t> spare_;
  cudaEvent_t origin_;
  std::int64_t origin_ns_ = 0;
  std::deque<cudaEvent_t> pending_;
};

LaneStopwatch::LaneStopwatch(Device& device) : impl_(std::make_unique<Impl>(device)) {}

LaneStopwatch::~LaneStopwatch() = default;

void LaneStopwatch::mark(Lane lane) { impl_->mark(lane); }

std::vector<std::int64_t> LaneStopwatch::take_past_ns() { return impl_->take(/*wait=*/false); }

std::vector<std::int64_t> LaneStopwatch::take_all_ns() { return impl_->take(/*wait=*/true); }

}  // namespace poseidon::cuda
