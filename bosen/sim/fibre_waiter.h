#pragma once

#include <vector>

#include "bosen/runtime/waiter.h"
#include "bosen/sim/scheduler.h"

namespace bosen::sim {

/// Suspends tasks. Takes no notice of deadlines: the scheduler itself tells when nothing will happen any more.
class FibreWaiter final : public runtime::Waiter {
 public:
  explicit FibreWaiter(Scheduler& scheduler) : scheduler_(scheduler) {}

  std::uint64_t ticket() override { return epoch_; }

  void wait(std::uint64_t ticket, TimeNs /*deadline*/) override {
    if (epoch_ != ticket) return;
    sleepers_.push_back(&scheduler_.current());
    scheduler_.suspend();
  }

  void wake_all() override {
    ++epoch_;
    for (Task* const sleeper : sleepers_) scheduler_.resume(*sleeper);
    sleepers_.clear();
  }

 private:
  Scheduler& scheduler_;
  std::uint64_t epoch_ = 0;
  std::vector<Task*> sleepers_;
};

}  // namespace bosen::sim
