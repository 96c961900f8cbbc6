#pragma once

// Tells what a device that works beside the host did when, as events of a timeline. Used by its worker's thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "poseidon/backend.h"
#include "poseidon/sync/timeline.h"

namespace poseidon {

class DeviceTimeline {
 public:
  using Record = std::function<void(const Timeline::Event&)>;

  /// The backend outlives it. `with_transfers`: also what is moved beside the computation, from now on for ever.
  DeviceTimeline(Backend& backend, Record record, bool with_transfers);

  /// Around what is asked of the device.
  void begin(Timeline::Activity activity, int layer, std::int64_t iteration);
  void end();

  /// Takes over what is past by now, or waits for all.
  void collect();
  void collect_all();

 private:
  void take_over(const std::vector<std::int64_t>& moments_ns);
  void take_over_transfers();

  Backend& backend_;
  const Record record_;
  std::unique_ptr<Stopwatch> stopwatch_;
  std::deque<Timeline::Event> pending_;  ///< two marks each
  bool has_begin_ = false;               ///< of the first of them
  std::int64_t iteration_ = 0;           ///< of what was asked for last
};

}  // namespace poseidon
