#include "poseidon/backend/cuda/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend.h"
#include "poseidon/backend/cuda/nvidia/check.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"

namespace poseidon::cuda {
namespace {

constexpr double kMegabyte = 1e6;

[[noreturn]] void refuse(const std::string& text) { throw bosen::Error(bosen::ErrorKind::kDevice, text); }

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

/// Why cudaGetDeviceCount finds nothing, and how to mend it.
std::string why_no_device(cudaError_t status) {
  int driver = 0;
  int runtime = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  if (driver == 0) return "there is no NVIDIA driver on this machine: install one, or use --device cpu";
  if (driver / 1000 < runtime / 1000) {
    return fmt::format("the NVIDIA driver supports CUDA {}, this program was built for {}: install a newer driver",
                       version_text(driver), version_text(runtime));
  }
  return fmt::format("no GPU can be used ({}): use --device cpu", cudaGetErrorString(status));
}

}  // namespace

DeviceCount count_devices() {
  DeviceCount result;
  const cudaError_t status = cudaGetDeviceCount(&result.count);
  if (status == cudaSuccess && result.count > 0) return result;
  static_cast<void>(cudaGetLastError());  // it would show in the next call
  return {.count = 0, .why_none = why_no_device(status)};
}

Device::Impl::Impl(const DeviceOptions& options) : number(options.number), plan_folder(options.plan_folder) {
  const DeviceCount devices = count_devices();
  if (devices.count == 0) refuse("cuda: " + devices.why_none);
  if (number < 0 || number >= devices.count) {
    refuse(fmt::format("cuda: there is no device {}: this machine has {}, from 0 on; name one by --device cuda:N",
                       number, devices.count));
  }
  check(cudaSetDevice(number), "use the device");
  check(cudaGetDeviceProperties(&properties, number), "ask for the device's properties");
  for (cudaStream_t& lane : lanes) {
    check(cudaStreamCreateWithFlags(&lane, cudaStreamNonBlocking), "make a stream");
  }
  int runtime = 0;
  int driver = 0;
  check(cudaRuntimeGetVersion(&runtime), "ask for CUDA's version");
  check(cudaDriverGetVersion(&driver), "ask for the driver's version");
  description = fmt::format("{} sm_{}{}, CUDA {}, driver for {}, cuDNN {}", properties.name, properties.major,
                            properties.minor, version_text(runtime), version_text(driver), cudnnGetVersion());
}

// Perhaps by another thread than the worker's, which has ended by then.
Device::Impl::~Impl() {
  static_cast<void>(cudaSetDevice(number));
  if (scratch != nullptr) cudaFree(scratch);
  convolution_plans.clear();
  if (cudnn != nullptr) cudnnDestroy(cudnn);
  if (cublas != nullptr) cublasLtDestroy(cublas);
  for (auto& lane_marks : marks) {
    for (const auto& [mark, event] : lane_marks.pending) cudaEventDestroy(event);
  }
  for (cudaEvent_t event : spare_events) cudaEventDestroy(event);
  for (cudaStream_t lane : lanes) {
    if (lane != nullptr) cudaStreamDestroy(lane);
  }
}

// What is given back may still be in use: freeing waits for the device only as it happens to.
void Device::Impl::finish() noexcept {
  for (const cudaStream_t lane : lanes) static_cast<void>(cudaStreamSynchronize(lane));
  static_cast<void>(cudaGetLastError());
}

cudnnHandle_t Device::Impl::cudnn_handle() {
  if (cudnn == nullptr) {
    check(cudnnCreate(&cudnn), "start cuDNN");
    check(cudnnSetStream(cudnn, stream(Lane::kCompute)), "set cuDNN's stream");
  }
  return cudnn;
}

cublasLtHandle_t Device::Impl::cublas_handle() {
  if (cublas == nullptr) check(cublasLtCreate(&cublas), "start cuBLASLt");
  return cublas;
}

PlanCache& Device::Impl::plan_cache() {
  if (!plans) plans.emplace(plan_folder, description);
  return *plans;
}

cudaEvent_t Device::Impl::take_event() {
  if (!spare_events.empty()) {
    const cudaEvent_t event = spare_events.back();
    spare_events.pop_back();
    return event;
  }
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "make an event");
  return event;
}

// Marks of a lane come to pass in their order, so what is known to be past is a number.
void Device::Impl::look(Lane lane) {
  LaneMarks& lane_marks = marks[static_cast<std::size_t>(lane)];
  while (!lane_marks.pending.empty()) {
    const auto [mark, event] = lane_marks.pending.front();
    const cudaError_t status = cudaEventQuery(event);
    if (status == cudaErrorNotReady) return;
    check(status, "go on: work on the device failed");
    lane_marks.past = mark;
    spare_events.push_back(event);
    lane_marks.pending.pop_front();
  }
}

Device::Device(const DeviceOptions& options) : number_(options.number), impl_(std::make_unique<Impl>(options)) {}

Device::~Device() = default;

const std::string& Device::description() const { return impl_->description; }

int Device::multiprocessors() const { return impl_->properties.multiProcessorCount; }

void* Device::allocate(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes == 0 ? 1 : bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    std::size_t free = 0;
    std::size_t total = 0;
    static_cast<void>(cudaMemGetInfo(&free, &total));
    throw OutOfMemory(fmt::format("cuda:{}: out of memory: {:.1f} MB were asked for, {:.1f} of {:.1f} MB are free",
                                  number_, static_cast<double>(bytes) / kMegabyte,
                                  static_cast<double>(free) / kMegabyte, static_cast<double>(total) / kMegabyte));
  }
  check(status, "take memory");
  impl_->allocations.emplace(data, bytes);
  impl_->allocated_bytes += bytes;
  impl_->peak_bytes = std::max(impl_->peak_bytes, impl_->allocated_bytes);
  clear(data, bytes);
  return data;
}

void Device::release(void* data) noexcept {
  impl_->finish();
  static_cast<void>(cudaFree(data));
  const auto found = impl_->allocations.find(data);
  if (found == impl_->allocations.end()) return;
  impl_->allocated_bytes -= found->second;
  impl_->allocations.erase(found);
}

std::size_t Device::peak_bytes() const { return impl_->peak_bytes; }

void* Device::allocate_host(std::size_t bytes) {
  void* data = nullptr;
  check(cudaMallocHost(&data, bytes == 0 ? 1 : bytes), "take pinned memory of the host");
  return data;
}

void Device::release_host(void* data) noexcept {
  impl_->finish();
  static_cast<void>(cudaFreeHost(data));
}

void Device::copy_to_device(Lane lane, void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, impl_->stream(lane)), "copy to the device");
}

void Device::copy_to_host(Lane lane, void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, impl_->stream(lane)), "copy from the device");
}

void Device::copy(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, impl_->stream(Lane::kCompute)), "copy");
}

void Device::clear(void* data, std::size_t bytes) {
  check(cudaMemsetAsync(data, 0, bytes, impl_->stream(Lane::kCompute)), "clear memory");
}

Mark Device::mark(Lane lane) {
  impl_->look(lane);  // so that events of the past are used again
  Impl::LaneMarks& lane_marks = impl_->marks[static_cast<std::size_t>(lane)];
  const cudaEvent_t event = impl_->take_event();
  check(cudaEventRecord(event, impl_->stream(lane)), "record an event");
  lane_marks.pending.emplace_back(++lane_marks.given, event);
  return {lane, lane_marks.given};
}

bool Device::is_past(Mark mark) {
  impl_->look(mark.lane);
  return mark.number <= impl_->marks[static_cast<std::size_t>(mark.lane)].past;
}

void Device::await(Mark mark) {
  while (!is_past(mark)) {
    const auto& pending = impl_->marks[static_cast<std::size_t>(mark.lane)].pending;
    const std::size_t place = mark.number - pending.front().first;
    check(cudaEventSynchronize(pending[place].second), "go on: work on the device failed");
  }
}

void Device::follow(Lane lane, Mark mark) {
  if (is_past(mark)) return;
  const auto& pending = impl_->marks[static_cast<std::size_t>(mark.lane)].pending;
  check(cudaStreamWaitEvent(impl_->stream(lane), pending[mark.number - pending.front().first].second),
        "let a stream wait");
}

void Device::synchronize() {
  for (const Lane lane : {Lane::kCompute, Lane::kToHost, Lane::kToDevice}) {
    check(cudaStreamSynchronize(impl_->stream(lane)), "go on: work on the device failed");
  }
}

void* Device::stream() const { return impl_->lanes[static_cast<std::size_t>(Lane::kCompute)]; }

void* Device::scratch(std::size_t bytes) {
  if (bytes <= impl_->scratch_bytes) return impl_->scratch;
  if (impl_->scratch != nullptr) release(std::exchange(impl_->scratch, nullptr));
  ++impl_->scratch_moves;
  impl_->scratch_bytes = 0;
  impl_->scratch = allocate(bytes);
  impl_->scratch_bytes = bytes;
  return impl_->scratch;
}

std::uint64_t Device::scratch_moves() const { return impl_->scratch_moves; }

void check_launch() { check(cudaGetLastError(), "launch a kernel"); }

}  // namespace poseidon::cuda
