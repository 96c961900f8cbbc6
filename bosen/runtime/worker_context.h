#pragma once

// One worker as the runtime sees it: its clock, its waits, and what it was told to simulate.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

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

  /// Has every checkpoint hold this memory, which stays where it is until the worker ends. Where the job goes on from
  /// one, fills it first and returns true; `needed`: a checkpoint made by another number of workers is refused then.
  bool keep(const std::string& name, std::span<std::byte> memory, bool needed);
  /// Whether --checkpoint-every wants a checkpoint now.
  [[nodiscard]] bool checkpoint_due() const;
  void checkpoint();
  /// The worker's body has returned: its last updates leave and nobody waits for it any more.
  void finish();

  /// Waits until `ready`, helping the process's shards along meanwhile. `what` says what for, should it take long.
  void wait_until(const Wait& wait, const std::function<bool()>& ready, const std::function<std::string()>& what);

 private:
  [[nodiscard]] core::TimeNs measured_computing() const;
  void count_computing(core::TimeNs duration);
  void lag();
  void expect_nothing_under_way() const;
  void wait_at_barrier(Clock checkpoint);
  void wait_for_others();
  void show_progress();

  Process& process_;
  WorkerGauge& gauge_;
  const Place place_;
  Clock clock_;
  WorkerTimes times_;
  struct Kept {
    std::string name;
    std::span<std::byte> memory;
  };
  std::vector<Kept> kept_;
  std::int64_t waited_before_ns_ = 0;  // at the last advance
  core::TimeNs computing_since_;
};

}  // namespace bosen::runtime
