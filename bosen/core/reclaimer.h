#pragma once

// Decides when memory that readers may still look at can go. Readers (workers) take no reference when they read; a
// worker tells at each advance() that it looks at nothing it saw before. What the writer retires is freed once every
// worker has told so since (quiescent-state reclamation; McKenney & Slingwine, 1998).
//
// Thread safety: quiesce and leave by worker `i`'s own thread; enter, retire and collect under the writer's lock (else
// collect could miss a worker that has begun to read).

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/core/row_index.h"

namespace bosen::core {

class Reclaimer {
 public:
  explicit Reclaimer(std::size_t workers) : seen_(workers) {}

  void enter(std::size_t worker) { quiesce(worker); }
  void quiesce(std::size_t worker) {
    // Acquire: whoever sees this epoch sees what was published before it; release: its reads came before.
    seen_[worker].epoch.store(now_.load(std::memory_order_acquire), std::memory_order_release);
  }
  void leave(std::size_t worker) { seen_[worker].epoch.store(kAway, std::memory_order_release); }

  void retire(BufferRef buffer) {
    retired_bytes_.fetch_add(buffer->capacity, std::memory_order_relaxed);
    retired_.push_back({now_.load(std::memory_order_relaxed), std::move(buffer), {}});
  }
  void retire(std::unique_ptr<RowIndex::Cells> cells) {
    retired_.push_back({now_.load(std::memory_order_relaxed), {}, std::move(cells)});
  }

  /// Frees what nobody can see any more, and begins a new epoch.
  void collect() {
    now_.fetch_add(1, std::memory_order_acq_rel);  // also for those who wait for `oldest_epoch` without retiring
    if (retired_.empty()) return;
    const std::uint64_t oldest = oldest_epoch();
    while (!retired_.empty() && retired_.front().epoch < oldest) {
      if (const BufferRef& buffer = retired_.front().buffer) {
        retired_bytes_.fetch_sub(buffer->capacity, std::memory_order_relaxed);
      }
      retired_.pop_front();
    }
  }

  /// Bytes of rows' versions that wait for workers to quiesce. Any thread.
  [[nodiscard]] std::size_t retired_bytes() const { return retired_bytes_.load(std::memory_order_relaxed); }
  /// Whether the worker has quiesced as long ago as any: what is retired waits for it. Any thread.
  [[nodiscard]] bool holds_back(std::size_t worker) const {
    const std::uint64_t seen = seen_[worker].epoch.load(std::memory_order_acquire);
    return seen != kAway && seen == oldest_epoch();
  }

  /// The current epoch; what happened before it is behind every worker once `oldest_epoch` is greater.
  [[nodiscard]] std::uint64_t now() const { return now_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t oldest_epoch() const {
    std::uint64_t oldest = kAway;
    for (const Seen& seen : seen_) oldest = std::min(oldest, seen.epoch.load(std::memory_order_acquire));
    return oldest;
  }

 private:
  static constexpr std::uint64_t kAway = std::numeric_limits<std::uint64_t>::max();

  struct alignas(64) Seen {
    std::atomic<std::uint64_t> epoch{kAway};
  };
  struct Retired {
    std::uint64_t epoch;
    BufferRef buffer;
    std::unique_ptr<RowIndex::Cells> cells;
  };

  std::atomic<std::uint64_t> now_{1};
  std::vector<Seen> seen_;
  std::deque<Retired> retired_;
  std::atomic<std::size_t> retired_bytes_{0};  // relaxed: a bound that may be late
};

}  // namespace bosen::core
