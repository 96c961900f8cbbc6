#pragma once

#include <atomic>
#include <cstdint>

#include "bosen/base/types.h"
#include "bosen/monitor/process_status.h"

namespace bosen::runtime {

/// What others may read of a worker while it works. Written by its own thread alone; all relaxed, as a picture of it
/// need not be exact, but `waits_with`.
struct alignas(64) WorkerGauge {
  static constexpr std::uint64_t kGoesOn = ~std::uint64_t{0};
  static constexpr std::uint64_t kHasEnded = kGoesOn - 1;
  /// The waiter's ticket with which it waits for other workers, or one of these two. Sequentially consistent: of
  /// workers that all come to wait, the last one sees it of all (Process::expect_somebody_goes_on).
  std::atomic<std::uint64_t> waits_with{kGoesOn};

  std::atomic<Clock> clock{0};
  std::atomic<std::int64_t> compute_ns{0};
  std::atomic<std::int64_t> wait_ns{0};
  std::atomic<std::int64_t> clock_since_ns{0};    ///< when the clock under way began
  std::atomic<std::int64_t> waited_before_ns{0};  ///< wait_ns at that time
  std::atomic<std::int64_t> barriers{0};          ///< at which it has arrived
  std::atomic<monitor::WorkerState> state{monitor::WorkerState::kComputing};
  std::atomic<std::int64_t> waiting_since_ns{0};
  std::atomic<Clock> needed{0};
  std::atomic<std::int64_t> reads{0};
  std::atomic<std::int64_t> misses{0};
};

}  // namespace bosen::runtime
