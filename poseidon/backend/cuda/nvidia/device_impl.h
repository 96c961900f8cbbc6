#pragma once

// The streams, events and library handles of one GPU, for one worker. Used by its thread.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/nvidia/check.h"
#include "poseidon/backend/cuda/nvidia/cudnn_graph.h"
#include "poseidon/backend/cuda/nvidia/plan_cache.h"

namespace poseidon::cuda {

class Device::Impl {
 public:
  explicit Impl(const DeviceOptions& options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] cudaStream_t stream(Lane lane) const { return lanes[static_cast<std::size_t>(lane)]; }
  [[nodiscard]] cudnnHandle_t cudnn_handle();
  [[nodiscard]] cublasLtHandle_t cublas_handle();
  [[nodiscard]] PlanCache& plan_cache();
  [[nodiscard]] cudaEvent_t take_event();
  /// Notes which marks are past.
  void look(Lane lane);
  /// Waits for all lanes.
  void finish() noexcept;

  struct LaneMarks {
    std::uint64_t given = 0, past = 0;
    std::deque<std::pair<std::uint64_t, cudaEvent_t>> pending;  ///< consecutive numbers
  };

  const int number;
  cudaDeviceProp properties{};
  std::string description;
  std::array<cudaStream_t, kLanes> lanes{};
  std::array<LaneMarks, kLanes> marks;
  std::vector<cudaEvent_t> spare_events;
  const std::string plan_folder;
  std::optional<PlanCache> plans;
  std::map<std::string, std::shared_ptr<const CudnnDescriptor>>
      convolution_plans;  ///< by what they compute; null: passes of their own do
  cudnnHandle_t cudnn = nullptr;
  cublasLtHandle_t cublas = nullptr;
  void* scratch = nullptr;
  std::size_t scratch_bytes = 0;
  std::uint64_t scratch_moves = 0;
  std::unordered_map<void*, std::size_t> allocations;
  std::size_t allocated_bytes = 0, peak_bytes = 0;
};

/// Seconds that `run` takes on the compute lane, the best of some; it has run once before.
template <class Run>
double best_seconds(Device::Impl& device, const Run& run) {
  constexpr int kRounds = 2;
  struct Event {
    Event() { check(cudaEventCreate(&event), "make an event"); }
    ~Event() { cudaEventDestroy(event); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    cudaEvent_t event = nullptr;
  } begin, end;
  const cudaStream_t stream = device.stream(Lane::kCompute);
  float best_ms = 0;
  for (int round = 0; round < kRounds; ++round) {
    check(cudaEventRecord(begin.event, stream), "record an event");
    run();
    check(cudaEventRecord(end.event, stream), "record an event");
    check(cudaEventSynchronize(end.event), "time a way to compute");
    float elapsed_ms = 0;
    check(cudaEventElapsedTime(&elapsed_ms, begin.event, end.event), "time a way to compute");
    if (round == 0 || elapsed_ms < best_ms) best_ms = elapsed_ms;
  }
  return static_cast<double>(best_ms) * 1e-3;
}

}  // namespace poseidon::cuda
