// Process's part that says how it is, for whoever watches the job.

#include <unistd.h>

#include <algorithm>

#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

monitor::WorkerStatus status_of(const WorkerGauge& gauge, WorkerId worker, core::TimeNs now) {
  monitor::WorkerStatus status;
  status.worker = worker;
  status.clock = gauge.clock.load(std::memory_order_relaxed);
  status.compute_s = seconds(gauge.compute_ns.load(std::memory_order_relaxed));
  status.wait_s = seconds(gauge.wait_ns.load(std::memory_order_relaxed));
  status.state = gauge.state.load(std::memory_order_relaxed);
  status.reads = gauge.reads.load(std::memory_order_relaxed);
  status.misses = gauge.misses.load(std::memory_order_relaxed);
  status.barriers = gauge.barriers.load(std::memory_order_relaxed);
  if (status.state == monitor::WorkerState::kFinished) return status;
  if (status.state != monitor::WorkerState::kComputing) {
    status.waiting_s = seconds(std::max<core::TimeNs>(0, now - gauge.waiting_since_ns.load(std::memory_order_relaxed)));
    status.wait_s += status.waiting_s;
    status.needed = gauge.needed.load(std::memory_order_relaxed);
  }
  const double clock_s = seconds(now - gauge.clock_since_ns.load(std::memory_order_relaxed));
  const double waited_s = status.wait_s - seconds(gauge.waited_before_ns.load(std::memory_order_relaxed));
  status.computing_s = std::max(0.0, clock_s - waited_s);
  return status;
}

}  // namespace

monitor::ProcessStatus Process::status() {
  monitor::ProcessStatus status;
  status.rank = rank();
  status.host = spec_.host;
  status.pid = ::getpid();
  const net::TransportStatistics network = network_statistics();
  status.bytes_sent = static_cast<std::int64_t>(network.bytes_sent);
  status.bytes_received = static_cast<std::int64_t>(network.bytes_received);
  const core::TimeNs now = platform_.now();
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    status.workers.push_back(status_of(gauges_[i], members_.first_worker(rank()) + static_cast<WorkerId>(i), now));
  }
  for (const LocalShard& shard : shards_) {
    const auto lock = shard.actor->lock();
    status.shards.push_back({.shard = shard.id,
                             .rows = static_cast<std::int64_t>(shard.core->rows()),
                             .updates = shard.core->updates_handled(),
                             .reads = shard.core->reads_handled(),
                             .parked = static_cast<std::int64_t>(shard.core->parked())});
  }
  pump();  // what was posted to a shard meanwhile found it locked
  return status;
}

void Process::report(const monitor::ProcessStatus& status) {
  if (participation_) participation_->report(monitor::encode(status));
}

void Process::on_status(std::function<void(monitor::ProcessStatus)> listener) {
  const std::lock_guard lock(status_mutex_);
  on_status_ = std::move(listener);
}

void Process::hear_status(const std::string& text) {
  std::optional<monitor::ProcessStatus> status = monitor::decode_process_status(text);
  if (!status || status->rank <= 0 || status->rank >= spec_.job.size) return;
  const std::lock_guard lock(status_mutex_);
  if (on_status_) on_status_(*std::move(status));
}

}  // namespace bosen::runtime
