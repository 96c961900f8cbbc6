#pragma once

// One worker as the runtime sees it: its clock, its waits, and what it was told to simulate.

#include <cstdint>
#include <functional>
#include <string>

#include "bosen/base/types.h"
#include "bosen/core/link.h"
#include "bosen/runtime/worker_gauge.h"

namespace bosen::runtime {

class Process;

/// Where a worker's time went, in nanoseconds.
struct WorkerTimes {
  std::int64_t compute_ns = 0;  ///< between waits; what a straggler sleeps counts as computing
  std::int64_t wait_ns = 0;     ///< inside get, barrier, channels
};

/// What a worker waits for.
struct Wait {
  monitor::WorkerState state = monitor::WorkerState::kReading;
  Clock needed = 0;  ///< a read's: timestamps below it must show
};

/// Used by the worker's own thread alone.
class WorkerContext {
 public:
  struct Place {
    WorkerId id = 0;
    int local_id = 0;
    int count = 1;  ///< workers of the job
    double straggler_factor = 1;
  };

  WorkerContext(Process& process, const Place& place);

  [[nodiscard]] WorkerId id() const { return place_.id; }
  [[nodiscard]] int local_id() const { return place_.local_id; }
  [[nodiscard]] int count() const { return place_.count; }
  [[nodiscard]] Clock clock() const { return clock_; }
  [[nodiscard]] const WorkerTimes& times() const { return times_; }

  void advance();
  void barrier();
  /// The worker's body has returned: its last updates leave and nobody waits for it any more.
  void finish();

  /// Waits until `ready`, helping the process's shards along meanwhile. `what` says what for, should it take long.
  void wait_until(const Wait& wait, const std::function<bool()>& ready, const std::function<std::string()>& what);

 private:
  [[nodiscard]] core::TimeNs measured_computing() const;
  void count_computing(core::TimeNs duration);
  void lag();
  void wait_for_others();
  void show_progress();

  Process& process_;
  WorkerGauge& gauge_;
  const Place place_;
  Clock clock_ = 0;
  WorkerTimes times_;
  std::int64_t waited_before_ns_ = 0;  // at the last advance
  core::TimeNs computing_since_;
};

}  // namespace bosen::runtime
