#include "bosen/runtime/worker_context.h"

#include <algorithm>
#include <vector>

#include "bosen/runtime/process.h"

namespace bosen::runtime {

WorkerContext::WorkerContext(Process& process, const Place& place)
    : process_(process), place_(place), computing_since_(process.platform().now()) {}

void WorkerContext::advance() {
  lag();
  std::vector<core::ClientTable*> tables;
  for (core::ClientTable* table : process_.tables()) {
    if (table->part(place_.local_id).clock == clock_) tables.push_back(table);
  }
  process_.quiesce(place_.local_id);
  process_.advance_tables(place_.local_id, tables, false);
  ++clock_;
  process_.wait_for_room();
  process_.notify_advance(*this);
}

core::TimeNs WorkerContext::measured_computing() const {
  return process_.platform().now() - computing_since_ - (times_.wait_ns - waited_before_ns_);
}

void WorkerContext::count_computing(core::TimeNs duration) {
  times_.compute_ns += duration;
  waited_before_ns_ = times_.wait_ns;
  computing_since_ = process_.platform().now();
}

// A straggler's computing takes `straggler_factor` times as long: the rest of it is slept away.
void WorkerContext::lag() {
  Platform& platform = process_.platform();
  const core::TimeNs measured = measured_computing();
  const auto duration = static_cast<core::TimeNs>(
      static_cast<double>(platform.computing_time(place_.id, clock_, measured)) * place_.straggler_factor);
  if (duration > measured) platform.rest(duration - measured);
  count_computing(std::max(duration, measured));
}

void WorkerContext::barrier() {
  const std::uint64_t barrier = process_.arrive_at_barrier();
  wait_until([&] { return process_.barrier_passed(barrier); }, [&] { return "barrier " + std::to_string(barrier); });
}

void WorkerContext::finish() {
  bool has_updates = false;
  const std::vector<core::ClientTable*> tables = process_.tables();
  for (core::ClientTable* table : tables) {
    has_updates = has_updates || !table->part(place_.local_id).delta.empty();
  }
  if (has_updates) {
    advance();
  } else {
    count_computing(measured_computing());
  }
  process_.advance_tables(place_.local_id, tables, true);
}

void WorkerContext::wait_until(const std::function<bool()>& ready, const std::function<std::string()>& what) {
  const core::TimeNs start = process_.platform().now();
  process_.wait_until(ready, [&] { return "worker " + std::to_string(place_.id) + " waits for " + what(); });
  times_.wait_ns += process_.platform().now() - start;
}

}  // namespace bosen::runtime
