#include "bosen/runtime/staleness_control.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>

#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

constexpr std::int64_t kReportTag = 0;
constexpr std::int64_t kOrderTag = 1;
constexpr Clock kWindowClocksMin = 8;
/// What a window counts when the next one is over.
constexpr double kMemory = 0.9;

/// All processes of a job run the same build on machines of the same byte order.
template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <class T>
std::optional<T> read(const std::optional<wire::ChannelData>& data) {
  T value;
  if (!data || !data->bytes || data->bytes->size != sizeof value) return std::nullopt;
  std::memcpy(&value, data->bytes->data, sizeof value);
  return value;
}

}  // namespace

StalenessControl::StalenessControl(Process& process, ChannelHandle& channel)
    : process_(process),
      channel_(channel),
      pasts_(static_cast<std::size_t>(process.local_workers())),
      window_begin_(process.first_clock()),
      heard_(static_cast<std::size_t>(process.members().clients()), false) {
  begin_window();
}

void StalenessControl::measured(Clock clock, double objective) {
  const std::lock_guard lock(mutex_);
  measured_at_ = clock;
  objective_ = objective;
}

void StalenessControl::advanced(WorkerContext& worker) {
  if (worker.local_id() != 0) return;
  if (worker.clock() == window_begin_) begin_window();
  // Long enough for every worker to meet the bound.
  if (worker.clock() - window_begin_ >= kWindowClocksMin + staleness_) report(worker);
  if (worker.id() == 0) decide(worker);
  while (const auto order = read<Order>(channel_.try_receive(worker, kOrderTag, WorkerId{0})))
    carry_out(*order, worker.clock());
}

void StalenessControl::report(WorkerContext& worker) {
  time_sum_ns_ = kMemory * time_sum_ns_ + static_cast<double>(process_.platform().now() - window_begin_ns_);
  clock_sum_ = kMemory * clock_sum_ + static_cast<double>(worker.clock() - window_begin_);
  Report report{.round = round_, .compute_ns = slowest_compute_ns(), .clock_ns = time_sum_ns_ / clock_sum_};
  {
    const std::lock_guard lock(mutex_);
    report.measured_at = measured_at_;
    report.objective = objective_;
  }
  channel_.try_send(worker, 0, kReportTag, bytes_of(report));
  window_begin_ = worker.clock();
  begin_window();
}

double StalenessControl::slowest_compute_ns() {
  double slowest = 0;
  for (std::size_t i = 0; i < pasts_.size(); ++i) {
    const WorkerGauge& gauge = process_.gauge(static_cast<int>(i));
    Past& past = pasts_[i];
    const std::int64_t compute_ns = gauge.compute_ns.load(std::memory_order_relaxed) - past.compute_ns;
    const Clock clocks = gauge.clock.load(std::memory_order_relaxed) - past.clock;
    past.compute_before_ns = kMemory * past.compute_before_ns + static_cast<double>(compute_ns);
    past.clocks_before = kMemory * past.clocks_before + static_cast<double>(clocks);
    if (past.clocks_before > 0) slowest = std::max(slowest, past.compute_before_ns / past.clocks_before);
  }
  return slowest;
}

void StalenessControl::begin_window() {
  window_begin_ns_ = process_.platform().now();
  for (std::size_t i = 0; i < pasts_.size(); ++i) {
    const WorkerGauge& gauge = process_.gauge(static_cast<int>(i));
    pasts_[i].clock = gauge.clock.load(std::memory_order_relaxed);
    pasts_[i].compute_ns = gauge.compute_ns.load(std::memory_order_relaxed);
  }
}

void StalenessControl::decide(WorkerContext& worker) {
  while (auto data = channel_.try_receive(worker, kReportTag, std::nullopt)) {
    const auto report = read<Report>(data);
    const Rank rank = process_.members().rank_of_worker(data->from);
    if (!report || report->round != round_) continue;  // of before the last order
    if (report->measured_at >= 0) tuner_.measured(report->measured_at, report->objective);
    if (heard_[static_cast<std::size_t>(rank)]) continue;
    heard_[static_cast<std::size_t>(rank)] = true;
    compute_ns_ = std::max(compute_ns_, report->compute_ns);
    clock_ns_ += report->clock_ns;
  }
  if (!std::all_of(heard_.begin(), heard_.end(), [](bool heard) { return heard; })) return;
  const double clock_ns = clock_ns_ / static_cast<double>(heard_.size());
  tuner_.idle(clock_ns > 0 ? std::max(0.0, 1 - compute_ns_ / clock_ns) : 0);
  std::fill(heard_.begin(), heard_.end(), false);
  compute_ns_ = clock_ns_ = 0;
  if (tuner_.staleness() == staleness_) return;
  const Order order{.round = round_ + 1, .staleness = tuner_.staleness()};
  for (Rank rank = 0; rank < process_.members().clients(); ++rank) {
    channel_.try_send(worker, process_.members().first_worker(rank), kOrderTag, bytes_of(order));
  }
}

// While the fast run ahead of the slow by what a raise allows, nobody waits, and after a lowering everybody does until
// the slow have caught up: these clocks say nothing.
void StalenessControl::carry_out(const Order& order, Clock clock) {
  const Clock unsettled = std::abs(order.staleness - staleness_);
  staleness_ = order.staleness;
  round_ = order.round;
  process_.set_staleness(staleness_);
  time_sum_ns_ = clock_sum_ = 0;
  window_begin_ = clock + unsettled;
  begin_window();
}

}  // namespace bosen::runtime
