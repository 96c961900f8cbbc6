#include "bosen/runtime/worker_context.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "bosen/base/counted.h"
#include "bosen/base/error.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {

WorkerContext::WorkerContext(Process& process, const Place& place)
    : process_(process),
      gauge_(process.gauge(place.local_id)),
      place_(place),
      clock_(process.first_clock()),
      computing_since_(process.platform().now()) {
  gauge_.clock_since_ns.store(computing_since_, std::memory_order_relaxed);
}

void WorkerContext::advance() {
  process_.throw_if_failed();  // asp may never wait, and would go on for ever
  lag();
  std::vector<core::ClientTable*> tables;
  for (core::ClientTable* table : process_.tables()) {
    if (table->part(place_.local_id).clock == clock_) tables.push_back(table);
  }
  process_.quiesce(place_.local_id);
  process_.advance_tables(place_.local_id, tables, false);
  ++clock_;
  show_progress();
  wait_for_others();
  process_.notify_advance(*this);
}

// What a worker makes has to go somewhere: where nobody takes it, the worker waits, whatever its model allows.
void WorkerContext::wait_for_others() {
  if (!process_.has_room()) {
    wait_until(
        {.state = monitor::WorkerState::kHeldBack}, [&] { return process_.has_room(); },
        [] { return std::string("processes that receive too slowly"); });
  }
  if (!process_.has_memory()) {
    wait_until(
        {.state = monitor::WorkerState::kHeldBack}, [&] { return process_.has_memory(); },
        [] { return std::string("workers of its process that are many clocks behind, to free memory"); });
  }
}

void WorkerContext::show_progress() {
  gauge_.clock.store(clock_, std::memory_order_relaxed);
  gauge_.compute_ns.store(times_.compute_ns, std::memory_order_relaxed);
  if (!process_.is_watched()) return;
  std::int64_t reads = 0;
  std::int64_t misses = 0;
  for (core::ClientTable* table : process_.tables()) {
    const auto& part = table->part(place_.local_id);
    reads += part.staleness.total();
    misses += part.misses;
  }
  gauge_.reads.store(reads, std::memory_order_relaxed);
  gauge_.misses.store(misses, std::memory_order_relaxed);
}

core::TimeNs WorkerContext::measured_computing() const {
  return process_.platform().now() - computing_since_ - (times_.wait_ns - waited_before_ns_);
}

void WorkerContext::count_computing(core::TimeNs duration) {
  times_.compute_ns += duration;
  waited_before_ns_ = times_.wait_ns;
  computing_since_ = process_.platform().now();
  gauge_.clock_since_ns.store(computing_since_, std::memory_order_relaxed);
  gauge_.waited_before_ns.store(waited_before_ns_, std::memory_order_relaxed);
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

bool WorkerContext::keep(const std::string& name, std::span<std::byte> memory, bool needed) {
  const auto same_name = [&](const Kept& kept) { return kept.name == name; };
  if (std::any_of(kept_.begin(), kept_.end(), same_name)) {
    throw Error(ErrorKind::kUsage, "keep('" + name + "') was called twice by a worker: choose another name");
  }
  kept_.push_back({.name = name, .memory = memory});
  if (process_.first_clock() == 0) return false;
  const std::string checkpoint = "the checkpoint of clock " + std::to_string(process_.first_clock());
  if (process_.workers_before() != place_.count) {
    if (!needed) return false;
    throw Error(ErrorKind::kUsage, checkpoint + " was made by " + counted(process_.workers_before(), "worker") +
                                       ", and only as many can go on with what they kept ('" + name +
                                       "'): start so many; there are " + std::to_string(place_.count));
  }
  const std::optional<std::vector<std::byte>> before = process_.take_kept(place_.id, name);
  if (!before || before->size() != memory.size()) {
    throw Error(ErrorKind::kUsage, checkpoint +
                                       (!before ? " has no '" + name + "' of worker " + std::to_string(place_.id)
                                                : " has '" + name + "' with " + std::to_string(before->size()) +
                                                      " bytes, the worker keeps " + std::to_string(memory.size())) +
                                       ": go on with the same data and options");
  }
  std::copy(before->begin(), before->end(), memory.begin());
  return true;
}

bool WorkerContext::checkpoint_due() const {
  const Clock every = process_.options().checkpoint_every;
  return every > 0 && clock_ > process_.first_clock() && clock_ % every == 0;
}

void WorkerContext::checkpoint() {
  process_.throw_if_failed();
  CheckpointWriter* writer = process_.checkpoint_writer();
  if (writer == nullptr) {
    throw Error(ErrorKind::kUsage, "checkpoint() in a job without --checkpoint-every: ask checkpoint_due() before");
  }
  expect_nothing_under_way();
  wait_until(
      {.state = monitor::WorkerState::kHeldBack}, [&] { return writer->idle(); },
      [] { return std::string("the last checkpoint to be written"); });
  process_.throw_if_failed();  // it may not have been: others must not take it for written, and remove the one before
  wait_at_barrier(clock_);
  // Not before: who has passed it knows that the last checkpoint of every process is written, which then is the one to
  // go on from until this one is.
  std::vector<store::KeptMemory> kept;
  for (const Kept& each : kept_) {
    kept.push_back({.worker = place_.id, .name = each.name, .bytes = {each.memory.begin(), each.memory.end()}});
  }
  writer->add(clock_, std::move(kept));
}

// What a worker has added since its last advance would be in no checkpoint, and be made again after it or not.
void WorkerContext::expect_nothing_under_way() const {
  for (core::ClientTable* table : process_.tables()) {
    const auto& part = table->part(place_.local_id);
    if (part.clock == clock_ && part.delta.empty()) continue;
    throw Error(ErrorKind::kUsage, "checkpoint() within a clock of table '" + table->spec().name +
                                       "': call it before the clock's first inc, right after advance()");
  }
}

void WorkerContext::barrier() { wait_at_barrier(0); }

void WorkerContext::wait_at_barrier(Clock checkpoint) {
  const std::uint64_t barrier = process_.arrive_at_barrier(checkpoint);
  gauge_.barriers.store(static_cast<std::int64_t>(barrier), std::memory_order_relaxed);
  wait_until(
      {.state = monitor::WorkerState::kAtBarrier}, [&] { return process_.barrier_passed(barrier); },
      [&] { return "barrier " + std::to_string(barrier) + " (every worker must come to it)"; });
}

void WorkerContext::finish() {
  process_.end_worker();
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
  show_progress();
  gauge_.state.store(monitor::WorkerState::kFinished, std::memory_order_relaxed);
  process_.wake_for_memory();
  process_.advance_tables(place_.local_id, tables, true);
  gauge_.waits_with.store(WorkerGauge::kHasEnded);
  process_.wake_workers();  // those that wait look whether they wait for this one
}

void WorkerContext::wait_until(const Wait& wait, const std::function<bool()>& ready,
                               const std::function<std::string()>& what) {
  const core::TimeNs start = process_.platform().now();
  const monitor::WorkerState before = gauge_.state.load(std::memory_order_relaxed);
  gauge_.needed.store(wait.needed, std::memory_order_relaxed);
  gauge_.waiting_since_ns.store(start, std::memory_order_relaxed);
  gauge_.state.store(wait.state, std::memory_order_relaxed);
  process_.wake_for_memory();
  const bool for_workers = wait.state != monitor::WorkerState::kHeldBack;
  process_.wait_until(
      ready, [&] { return "worker " + std::to_string(place_.id) + " waits for " + what(); },
      for_workers ? &gauge_ : nullptr);
  times_.wait_ns += process_.platform().now() - start;
  gauge_.state.store(before, std::memory_order_relaxed);
  gauge_.wait_ns.store(times_.wait_ns, std::memory_order_relaxed);
}

}  // namespace bosen::runtime
