#include "bosen/runtime/waiter.h"

#include <chrono>

namespace bosen::runtime {

std::uint64_t ThreadWaiter::ticket() { return epoch_.load(); }

void ThreadWaiter::wait(std::uint64_t ticket, core::TimeNs deadline) {
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
  sleepers_.fetch_add(1);
  {
    std::unique_lock lock(mutex_);
    condition_.wait_until(lock, until, [&] { return epoch_.load() != ticket; });
  }
  sleepers_.fetch_sub(1);
}

void ThreadWaiter::wake_all() {
  epoch_.fetch_add(1);
  if (sleepers_.load() == 0) return;
  { const std::lock_guard lock(mutex_); }  // whoever is about to sleep has seen the new epoch or sleeps already
  condition_.notify_all();
}

}  // namespace bosen::runtime
