#pragma once

// The one way in which a worker blocks. Real runs park the thread; a simulation switches to another fibre.
//
//     while (!condition()) {
//       const auto ticket = waiter.ticket();
//       if (condition()) break;
//       waiter.wait(ticket, deadline);
//     }

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "bosen/core/link.h"

namespace bosen::runtime {

class Waiter {
 public:
  virtual ~Waiter() = default;

  /// To be taken before the condition is looked at.
  virtual std::uint64_t ticket() = 0;
  /// Returns when wake_all was called after the ticket was taken, or at the deadline (platform time). Only a wait that
  /// says for people what it waits for has use for a deadline, so a simulation takes no notice of it.
  virtual void wait(std::uint64_t ticket, core::TimeNs deadline) = 0;
  virtual void wake_all() = 0;
};

/// Parks threads. Any thread may call it.
class ThreadWaiter final : public Waiter {
 public:
  std::uint64_t ticket() override;
  void wait(std::uint64_t ticket, core::TimeNs deadline) override;
  void wake_all() override;

 private:
  // Both are sequentially consistent: a waker that sees no sleeper has raised the epoch before that sleeper looks at
  // it.
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;  // guards only the sleep itself
  std::condition_variable condition_;
};

}  // namespace bosen::runtime
