#pragma once

// What the backend asks of a GPU: memory, copies, and the order of work. One worker's; used by its thread.
//
// Work goes to lanes (streams). On each, things happen one after another in the order in which they were asked for;
// lanes run side by side, and wait for each other only where `follow` says so. A mark is a moment in a lane.
//
// nvidia/ has the real one; tests have one in the host's memory (tests/support/cuda), so that all but the libraries'
// own kernels is tested where there is no GPU.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace poseidon::cuda {

enum class Lane { kCompute, kToHost, kToDevice };
inline constexpr int kLanes = 3;

/// A moment in a lane's work; 0 is always past.
struct Mark {
  Lane lane = Lane::kCompute;
  std::uint64_t number = 0;
};

struct DeviceOptions {
  int number = 0;
  std::string plan_folder;  ///< where the fastest ways to compute are remembered; empty: nowhere
};

/// Work of the compute lane that was kept to be done again as one (a CUDA graph).
class Recording {
 public:
  virtual ~Recording() = default;
  /// Queues it.
  virtual void repeat() = 0;
};

class Device {
 public:
  /// Throws bosen::Error(kDevice): no driver, one that is too old, no device of that number.
  explicit Device(const DeviceOptions& options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] int number() const { return number_; }
  /// "NVIDIA H100 80GB HBM3", with compute capability and library versions: what plans depend on.
  [[nodiscard]] const std::string& description() const;
  [[nodiscard]] int multiprocessors() const;

  /// Zeroed. Throws OutOfMemory.
  [[nodiscard]] void* allocate(std::size_t bytes);
  /// Waits for the device, which may still use it; so does release_host.
  void release(void* data) noexcept;
  /// Most that was taken by `allocate` at any time.
  [[nodiscard]] std::size_t peak_bytes() const;
  /// Memory of the host that the device copies from and to by itself.
  [[nodiscard]] void* allocate_host(std::size_t bytes);
  void release_host(void* data) noexcept;

  /// Queued on the lane; the host's memory has to stay as it is until that is past.
  void copy_to_device(Lane lane, void* to, const void* from, std::size_t bytes);
  void copy_to_host(Lane lane, void* to, const void* from, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);
  void clear(void* data, std::size_t bytes);

  [[nodiscard]] Mark mark(Lane lane);
  [[nodiscard]] bool is_past(Mark mark);
  void await(Mark mark);
  /// What comes on `lane` from now on comes after that moment of another; or after all that has been asked of `other`.
  void follow(Lane lane, Mark mark);
  void follow(Lane lane, Lane other) { follow(lane, mark(other)); }
  /// Waits for all lanes. Throws bosen::Error(kDevice) where something asked for before has failed.
  void synchronize();

  /// Where kernels are launched (a cudaStream_t): the compute lane.
  [[nodiscard]] void* stream() const;

  /// Memory for the work in progress on the compute lane: whoever asks next may overwrite it.
  [[nodiscard]] void* scratch(std::size_t bytes);
  /// How often it has moved, which makes older recordings useless.
  [[nodiscard]] std::uint64_t scratch_moves() const;

  /// Keeps what `ask` asks of the compute lane, and does nothing of it. Meanwhile nothing can be asked of other lanes,
  /// and no memory taken. Throws what `ask` throws, and bosen::Error(kDevice) where it cannot be kept.
  [[nodiscard]] std::unique_ptr<Recording> record(const std::function<void()>& ask);

  class Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  const int number_;
  std::unique_ptr<Impl> impl_;
};

/// Moments in lanes' work, as the host's steady clock would show them. The device outlives it.
class LaneStopwatch {
 public:
  explicit LaneStopwatch(Device& device);
  ~LaneStopwatch();
  LaneStopwatch(const LaneStopwatch&) = delete;
  LaneStopwatch& operator=(const LaneStopwatch&) = delete;

  /// When all that was asked of the lane before is done.
  void mark(Lane lane);
  /// Nanoseconds of the marks that were not taken, in their order: of those that are past, or of all.
  [[nodiscard]] std::vector<std::int64_t> take_past_ns();
  [[nodiscard]] std::vector<std::int64_t> take_all_ns();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether there is a device to compute on; else says why not.
struct DeviceCount {
  int count = 0;
  std::string why_none;
};
[[nodiscard]] DeviceCount count_devices();

}  // namespace poseidon::cuda
