// A device in the host's memory: what the CUDA backend is tested on where there is no GPU. Kernels run as loops
// (launch.h); convolutions and matrix products, which libraries compute on a GPU, are plain loops.
//
// Lanes are lists of what was asked for. Some do it at once, others as late as they may, so that what relies on an
// order that nobody asked for computes something else and is seen: a late lane does things when a mark behind them is
// awaited, when another lane that follows gets there, and one each time that somebody asks whether a mark is past.
// Which are late the environment variable BOSEN_TEST_LATE says:
//
//   copies       (if it is not set) both lanes of copies: code that does not wait for a copy, or changes what it reads
//   computation  the compute lane and that to the host, while copies to the device are made at once: an upload that
//                overwrites what earlier work still reads or writes, a download that does not come after its numbers
//
// Recordings are lists as well; while one is made, what CUDA refuses then is refused here.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <string_view>
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

  /// What a lane was asked for: work, or to come after a moment of another lane.
  struct Step {
    std::function<void()> work;
    Mark after;
    std::uint64_t number = 0;  ///< of the first mark behind it
  };
  struct LaneState {
    bool late = false;
    std::uint64_t marks = 0;
    std::deque<Step> steps;
  };
  std::array<LaneState, kLanes> lanes;

  Impl() {
    const char* const variable = std::getenv("BOSEN_TEST_LATE");
    const std::string_view late = variable == nullptr ? "copies" : variable;
    if (late != "copies" && late != "computation") {
      throw bosen::Error(bosen::ErrorKind::kUsage, "BOSEN_TEST_LATE must be copies or computation");
    }
    const bool computation = late == "computation";
    at(Lane::kCompute).late = computation;
    at(Lane::kToHost).late = true;
    at(Lane::kToDevice).late = !computation;
  }

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
  LaneState& at(Lane lane) { return lanes[static_cast<std::size_t>(lane)]; }
  void ask(Lane lane, std::function<void()> work) { add(lane, {std::move(work), {}, at(lane).marks + 1}); }
  void follow(Lane lane, Mark mark) {
    if (has_steps_before(mark)) add(lane, {{}, mark, at(lane).marks + 1});
  }
  void compute(std::function<void()> work) {
    if (recording == nullptr) {
      ask(Lane::kCompute, std::move(work));
    } else {
      recording->push_back(std::move(work));
    }
  }
  void copy(Lane lane, void* to, const void* from, std::size_t bytes) {
    const auto work = [=] { std::memcpy(to, from, bytes); };
    if (lane == Lane::kCompute) {
      compute(work);
      return;
    }
    refuse_while_recording("copy beside the computation");
    ask(lane, work);
  }

  [[nodiscard]] bool has_steps_before(Mark mark) {
    const std::deque<Step>& steps = at(mark.lane).steps;
    return !steps.empty() && steps.front().number <= mark.number;
  }
  void finish_one(Lane lane) {
    const Step next = std::move(at(lane).steps.front());
    at(lane).steps.pop_front();
    if (next.work) {
      next.work();
    } else {
      finish(next.after);
    }
  }
  void finish(Mark mark) {
    while (has_steps_before(mark)) finish_one(mark.lane);
  }
  void finish_all() {
    for (const Lane lane : {Lane::kCompute, Lane::kToHost, Lane::kToDevice}) finish({lane, at(lane).marks + 1});
  }

 private:
  void add(Lane lane, Step step) {
    const Mark behind{lane, step.number};
    at(lane).steps.push_back(std::move(step));
    if (!at(lane).late) finish(behind);
  }
};

/// Whatever is asked for is taken for done.
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
  impl_->allocations.emplace(data, bytes);
  impl_->allocated_bytes += bytes;
  impl_->peak_bytes = std::max(impl_->peak_bytes, impl_->allocated_bytes);
  clear(data, bytes);
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
  if (!impl_->has_steps_before(mark)) return true;
  impl_->finish_one(mark.lane);
  return false;
}
void Device::await(Mark mark) {
  impl_->refuse_while_recording("wait for a mark");
  impl_->finish(mark);
}
void Device::follow(Lane lane, Mark mark) {
  impl_->refuse_while_recording("let a lane follow");
  impl_->follow(lane, mark);
}
void Device::synchronize() {
  impl_->refuse_while_recording("wait for the device");
  impl_->finish_all();
}

void* Device::stream() const { return nullptr; }

void* Device::scratch(std::size_t bytes) {
  if (impl_->scratch.size() < bytes) {
    impl_->refuse_while_recording("take memory");
    impl_->finish_all();
    impl_->scratch = std::vector<std::byte>(bytes);
    ++impl_->scratch_moves;
  }
  return impl_->scratch.data();
}

std::uint64_t Device::scratch_moves() const { return impl_->scratch_moves; }

class EmulatedRecording final : public Recording {
 public:
  explicit EmulatedRecording(Device::Impl& impl) : impl_(impl) {}
  void repeat() override {
    for (const std::function<void()>& work : works) impl_.ask(Lane::kCompute, work);
  }
  std::vector<std::function<void()>> works;

 private:
  Device::Impl& impl_;
};

std::unique_ptr<Recording> Device::record(const std::function<void()>& ask) {
  auto recording = std::make_unique<EmulatedRecording>(*impl_);
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
