#pragma once

// Which worker holds the others up.

#include <cstdint>
#include <optional>
#include <span>

#include "bosen/base/types.h"

namespace bosen::monitor {

/// Where one worker's time went.
struct WorkerTotals {
  WorkerId worker = 0;
  Rank rank = 0;
  std::int64_t clocks = 0;
  std::int64_t compute_ns = 0;
  std::int64_t wait_ns = 0;
  friend bool operator==(const WorkerTotals&, const WorkerTotals&) = default;
};

/// The worker that computed longest a clock, where it was notably longer than the others.
struct SlowestWorker {
  WorkerId worker = 0;
  Rank rank = 0;
  double compute_s = 0;      ///< a clock
  double times_median = 0;   ///< as long as the median worker
  double others_wait_s = 0;  ///< what the others waited longer than it did, in all
};

/// The worker that computed longest a clock; none where it was less than a tenth longer than the median worker.
std::optional<SlowestWorker> find_slowest(std::span<const WorkerTotals> workers);

}  // namespace bosen::monitor
