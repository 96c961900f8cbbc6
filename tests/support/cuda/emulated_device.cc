// A device in the host's memory: what the CUDA backend is tested on where there is no GPU. Kernels run as loops
// (launch.h); convolutions and matrix products, which libraries compute on a GPU, are plain loops.
//
// Computation is done at once. Copies on lanes of their own are made as late as they may be, so that what does not wait
// for them, or changes what they read, is seen: when a mark behind them is awaited or another lane follows, and one
// each time that somebody asks whether a mark is past. Recordings are lists of what was asked for; while one is made,
// what CUDA refuses then is refused here.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend.h"
#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/launch.h"

namespace poseidon::cuda {

/// As much as there is; asking for more is refused as a GPU refuses.
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

class Device::Impl {
 public:
  std::string description = "emulated";
  std::map<void*, std::size_t> allocations;
  std::size_t allocated_bytes = 0, peak_bytes = 0;
  std::vector<std::byte> scratch;
  std::uint64_t scratch_moves = 0;
  std::vector<std::function<void()>>* recording = nullptr;  ///< where work goes while it is recorded

  /// Of a lane beside the computation.
  struct Copy {
    void* to = nullptr;
    const void* from = nullptr;
    std::size_t bytes = 0;
    std::uint64_t number = 0;  ///< of the first mark behind it
  };
  struct LaneState {
    std::uint64_t marks = 0;
    std::deque<Copy> copies;
  };
  std::array<LaneState, kLanes> lanes;

  /// Whether it lies in memory of the device.
  [[nodiscard]] bool is_own(const void* data) const {
    const auto next = allocations.upper_bound(const_cast<void*>(data));
    if (next == allocations.begin()) return false;
    const auto& [begin, bytes] = *std::prev(next);
    return data < static_cast<const std::byte*>(begin) + std::max<std::size_t>(bytes, 1);
  }
  static void expect(bool holds, const char* what) {
    if (!holds) throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("emulated: {} between wrong memories", what));
  }

  void refuse_while_recording(const char* what) const {
    if (recording == nullptr) return;
    throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("emulated: cannot {} while work is recorded", what));
  }
  void compute(std::function<void()> work) const {
    if (recording == nullptr) {
      work();
    } else {
      recording->push_back(std::move(work));
    }
  }

  LaneState& at(Lane lane) { return lanes[static_cast<std::size_t>(lane)]; }
  void copy(Lane lane, void* to, const void* from, std::size_t bytes) {
    if (recording != nullptr && lane == Lane::kCompute) {
      compute([=] { std::memcpy(to, from, bytes); });
      return;
    }
    refuse_while_recording("copy beside the computation");
    at(lane).copies.push_back({to, from, bytes, at(lane).marks + 1});
    if (lane == Lane::kCompute) finish(lane, at(lane).marks + 1);
  }
  void finish_one(Lane lane) {
    const Copy next = at(lane).copies.front();
    at(lane).copies.pop_front();
    std::memcpy(next.to, next.from, next.bytes);
  }
  void finish(Lane lane, std::uint64_t mark) {
    while (!at(lane).copies.empty() && at(lane).copies.front().number <= mark) finish_one(lane);
  }
  void finish_all() {
    for (const Lane lane : {Lane::kCompute, Lane::kToHost, Lane::kToDevice}) finish(lane, at(lane).marks + 1);
  }
};

/// Computation is done when it is asked for, and copies are taken for done as well.
class LaneStopwatch::Impl {
 public:
  std::vector<std::int64_t> marks_ns;
};

LaneStopwatch::LaneStopwatch(Device& /*device*/) : impl_(std::make_unique<Impl>()) {}
LaneStopwatch::~LaneStopwatch() = default;
void LaneStopwatch::mark(Lane /*lane*/) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  impl_->marks_ns.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}
std::vector<std::int64_t> LaneStopwatch::take_past_ns() { return std::exchange(impl_->marks_ns, {}); }
std::vector<std::int64_t> LaneStopwatch::take_all_ns() { return take_past_ns(); }

DeviceCount count_devices() { return {.count = 1, .why_none = {}}; }

Device::Device(const DeviceOptions& options) : number_(options.number), impl_(std::make_unique<Impl>()) {
  if (number_ != 0) throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("cuda: there is no device {}", number_));
}

Device::~Device() = default;

const std::string& Device::description() const { return impl_->description; }

int Device::multiprocessors() const { return 1; }

void* Device::allocate(std::size_t bytes) {
  impl_->refuse_while_recording("take memory");
  if (impl_->allocated_bytes + bytes > kMemoryBytes) {
    throw OutOfMemory(fmt::format("cuda:0: out of memory: {} bytes were asked for, {} are free", bytes,
                                  kMemoryBytes - impl_->allocated_bytes));
  }
  void* const data = std::aligned_alloc(256, (bytes + 256) / 256 * 256);
  std::memset(data, 0, bytes);
  impl_->allocations.emplace(data, bytes);
  impl_->allocated_bytes += bytes;
  impl_->peak_bytes = std::max(impl_->peak_bytes, impl_->allocated_bytes);
  return data;
}

std::size_t Device::peak_bytes() const { return impl_->peak_bytes; }

void Device::release(void* data) noexcept {
  const auto found = impl_->allocations.find(data);
  if (found == impl_->allocations.end()) return;
  impl_->finish_all();
  impl_->allocated_bytes -= found->second;
  impl_->allocations.erase(found);
  std::free(data);
}

void* Device::allocate_host(std::size_t bytes) { return std::malloc(bytes == 0 ? 1 : bytes); }
void Device::release_host(void* data) noexcept {
  impl_->finish_all();
  std::free(data);
}

void Device::copy_to_device(Lane lane, void* to, const void* from, std::size_t bytes) {
  Impl::expect(impl_->is_own(to) && !impl_->is_own(from), "a copy to the device");
  impl_->copy(lane, to, from, bytes);
}
void Device::copy_to_host(Lane lane, void* to, const void* from, std::size_t bytes) {
  Impl::expect(impl_->is_own(from) && !impl_->is_own(to), "a copy to the host");
  impl_->copy(lane, to, from, bytes);
}
void Device::copy(void* to, const void* from, std::size_t bytes) {
  impl_->compute([=] { std::memcpy(to, from, bytes); });
}
void Device::clear(void* data, std::size_t bytes) {
  impl_->compute([=] { std::memset(data, 0, bytes); });
}

Mark Device::mark(Lane lane) {
  impl_->refuse_while_recording("mark a moment");
  return {lane, ++impl_->at(lane).marks};
}
bool Device::is_past(Mark mark) {
  impl_->refuse_while_recording("look whether a mark is past");
  const std::deque<Impl::Copy>& copies = impl_->at(mark.lane).copies;
  if (copies.empty() || copies.front().number > mark.number) return true;
  impl_->finish_one(mark.lane);
  return false;
}
void Device::await(Mark mark) {
  impl_->refuse_while_recording("wait for a mark");
  impl_->finish(mark.lane, mark.number);
}
void Device::follow(Lane /*lane*/, Mark mark) {
  impl_->refuse_while_recording("let a lane follow");
  impl_->finish(mark.lane, mark.number);
}
void Device::synchronize() {
  impl_->refuse_while_recording("wait for the device");
  impl_->finish_all();
}

void* Device::stream() const { return nullptr; }

void* Device::scratch(std::size_t bytes) {
  if (impl_->scratch.size() < bytes) {
    impl_->refuse_while_recording("take memory");
    impl_->scratch = std::vector<std::byte>(bytes);
    ++impl_->scratch_moves;
  }
  return impl_->scratch.data();
}

std::uint64_t Device::scratch_moves() const { return impl_->scratch_moves; }

class EmulatedRecording final : public Recording {
 public:
  void repeat() override {
    for (const std::function<void()>& work : works) work();
  }
  std::vector<std::function<void()>> works;
};

std::unique_ptr<Recording> Device::record(const std::function<void()>& ask) {
  auto recording = std::make_unique<EmulatedRecording>();
  struct End {
    Impl& impl;
    ~End() { impl.recording = nullptr; }
  } const end{*impl_};
  impl_->recording = &recording->works;
  ask();
  return recording;
}

void launch(Device& device, std::function<void()> kernel) { device.impl().compute(std::move(kernel)); }

}  // namespace poseidon::cuda
