// Process's part that runs the app's workers and adds up what they did.

#include <exception>

#include "bosen/base/error.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

// The last channel of every job carries each process's statistics to worker 0 when its workers have ended. It is named
// for people who read that another process makes something else meanwhile.
constexpr const char* kStatisticsChannel = "bosen.run_workers";
constexpr std::int64_t kStatisticsTag = 0;
// What a process makes instead whose body has ended, so that others which wait for it learn of that.
constexpr const char* kNoWorkersChannel = "bosen.end_without_run_workers";
constexpr const char* kStalenessChannel = "bosen.staleness";

JobStatistics statistics_of(const WorkerContext& worker, Rank rank, Clock first,
                            std::span<core::ClientTable* const> tables) {
  JobStatistics statistics;
  statistics.workers = 1;
  statistics.clocks = worker.clock() - first;
  statistics.compute_ns = worker.times().compute_ns;
  statistics.wait_ns = worker.times().wait_ns;
  statistics.by_worker.push_back({.worker = worker.id(),
                                  .rank = rank,
                                  .clocks = statistics.clocks,
                                  .compute_ns = statistics.compute_ns,
                                  .wait_ns = statistics.wait_ns});
  for (core::ClientTable* table : tables) {
    const auto& part = table->part(worker.local_id());
    statistics.misses += part.misses;
    statistics.reads += part.staleness.total();
    for (std::size_t i = 0; i < statistics.staleness.size(); ++i) {
      statistics.staleness[i] += part.staleness.counts[i];
    }
  }
  return statistics;
}

}  // namespace

void Process::run_workers(const std::function<void(WorkerContext&)>& body) {
  if (std::exchange(workers_ran_, true)) {
    throw Error(ErrorKind::kUsage,
                "run_workers was called twice: let the workers do everything in one call, with "
                "worker.barrier() between its parts");
  }
  if (spec_.options.tunes_staleness && !tuned_tables_.empty()) {
    ChannelHandle& orders = make_channel(kStalenessChannel, {.capacity = 16});
    staleness_control_ = std::make_unique<StalenessControl>(*this, orders);
  }
  ChannelHandle& channel = make_channel(kStatisticsChannel, {.capacity = 1});
  std::exception_ptr failure;
  std::mutex failure_mutex;  // guards failure while the workers run
  platform_.run_side_by_side(local_workers(), [&](int local_id) {
    try {
      run_worker(local_id, body);
    } catch (const std::exception& error) {
      {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
      fail(as_error(error));
    }
  });
  if (failure) std::rethrow_exception(failure);
  gather_statistics(channel);
  finish_checkpoints();
  throw_if_failed();  // of the last updates nobody may have waited for anything
}

void Process::end_body() {
  if (workers_ran_ || !participation_) return;
  make_channel(kNoWorkersChannel, {.capacity = 1});
}

void Process::run_worker(int local_id, const std::function<void(WorkerContext&)>& body) {
  const WorkerId id = members_.first_worker(members_.rank) + local_id;
  WorkerContext worker(
      *this,
      {.id = id, .local_id = local_id, .count = members_.worker_count(), .straggler_factor = straggler_factor(id)});
  gauge(local_id).clock.store(worker.clock(), std::memory_order_relaxed);
  with_client([&](core::Outbox&) { client_->reclaimer().enter(static_cast<std::size_t>(local_id)); });
  // A worker that fails must not hold memory back for those that come to know of it only later.
  struct Leave {
    core::Reclaimer& reclaimer;
    std::size_t worker;
    ~Leave() { reclaimer.leave(worker); }
  } const leave{client_->reclaimer(), static_cast<std::size_t>(local_id)};
  body(worker);
  worker.finish();
  const JobStatistics own = statistics_of(worker, members_.rank, first_clock(), tables());
  const std::lock_guard lock(statistics_mutex_);
  statistics_.add(own);
}

// Also keeps every process until all workers of the job have ended: worker 0's process has heard from all by then, and
// the barrier tells the others.
void Process::gather_statistics(ChannelHandle& channel) {
  const net::TransportStatistics network = network_statistics();
  statistics_.bytes_sent = static_cast<std::int64_t>(network.bytes_sent);
  statistics_.bytes_received = static_cast<std::int64_t>(network.bytes_received);
  WorkerContext speaker(*this, {.id = members_.first_worker(members_.rank), .count = members_.worker_count()});
  channel.send(speaker, 0, kStatisticsTag, statistics_.to_bytes());
  if (members_.rank == 0) {
    for (int process = 0; process < members_.clients(); ++process) {
      const BufferRef bytes = channel.receive(speaker, kStatisticsTag, {}).bytes;
      if (!bytes) continue;
      if (const auto received = JobStatistics::from_bytes({bytes->data, bytes->size})) job_statistics_.add(*received);
    }
  }
  std::uint64_t barrier = 0;
  with_client([&](core::Outbox& outbox) { barrier = client_->arrive_at_barrier(outbox, wire::kFinishedClock); });
  wait_until([&] { return barrier_passed(barrier); }, [] { return "waits for all workers of the job to end"; });
}

}  // namespace bosen::runtime
