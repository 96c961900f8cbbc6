#pragma once

// Work that is asked for again and again: kept once it runs as it always will, and then queued as a whole, which costs
// the host and the device less than its many launches.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "poseidon/backend.h"
#include "poseidon/backend/cuda/device.h"

namespace poseidon::cuda {

class RecordedWork final : public RepeatedWork {
 public:
  /// The device outlives it. `tell` is told why the work cannot be kept.
  RecordedWork(Device& device, std::function<void()> ask, std::function<void(const std::string&)> tell);

  void run() override;

 private:
  [[nodiscard]] bool is_current() const;
  void record();

  Device& device_;
  const std::function<void()> ask_;
  const std::function<void(const std::string&)> tell_;
  int plain_runs_ = 0;
  bool refused_ = false;  ///< by the device: it is asked for again each time
  std::unique_ptr<Recording> recording_;
  std::uint64_t scratch_moves_ = 0;  ///< when it was made
};

}  // namespace poseidon::cuda
