#include "bosen/runtime/worker_context.h"

#include <thread>
#include <vector>

#include "bosen/runtime/process.h"

namespace bosen::runtime {

using SteadyClock = std::chrono::steady_clock;

namespace {

std::int64_t ns_since(SteadyClock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now() - start).count();
}

}  // namespace

WorkerContext::WorkerContext(Process& process, const Place& place)
    : process_(process), place_(place), computing_since_(SteadyClock::now()) {}

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

// A straggler's computing takes `straggler_factor` times as long: the rest of it is slept away.
void WorkerContext::lag() {
  std::int64_t computed_ns = ns_since(computing_since_) - (times_.wait_ns - waited_before_ns_);
  if (place_.straggler_factor > 1) {
    const auto extra = static_cast<std::int64_t>(static_cast<double>(computed_ns) * (place_.straggler_factor - 1));
    std::this_thread::sleep_for(std::chrono::nanoseconds(extra));
    computed_ns += extra;
  }
  times_.compute_ns += computed_ns;
  waited_before_ns_ = times_.wait_ns;
  computing_since_ = SteadyClock::now();
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
    lag();
  }
  process_.advance_tables(place_.local_id, tables, true);
}

void WorkerContext::wait_until(const std::function<bool()>& ready, const std::function<std::string()>& what) {
  const auto start = SteadyClock::now();
  process_.wait_until(ready, [&] { return "worker " + std::to_string(place_.id) + " waits for " + what(); });
  times_.wait_ns += ns_since(start);
}

}  // namespace bosen::runtime
