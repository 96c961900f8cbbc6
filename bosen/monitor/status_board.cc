#include "bosen/monitor/status_board.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "bosen/base/version.h"

namespace bosen::monitor {
namespace {

/// What counts as "of late".
constexpr std::int64_t kWindowNs = 10'000'000'000;
/// A process that has said nothing for so long is not waited for, nor one whose clock is so far off.
constexpr std::int64_t kLateMs = 2000;
/// Evaluations that are kept; beyond, every other one goes, so that a curve keeps its shape.
constexpr std::size_t kEvaluationsMax = 2000;

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

template <class Visit>
void for_each_worker(const std::vector<ProcessView>& processes, const Visit& visit) {
  for (const ProcessView& process : processes) {
    for (const WorkerStatus& worker : process.workers) visit(worker);
  }
}

void find_spread(JobStatus& status) {
  bool any = false;
  for_each_worker(status.processes, [&](const WorkerStatus& worker) {
    status.clock_most = std::max(status.clock_most, worker.clock);
    if (worker.state == WorkerState::kFinished) return;
    status.clock_least = any ? std::min(status.clock_least, worker.clock) : worker.clock;
    any = true;
  });
  if (!any) status.clock_least = status.clock_most;
}

/// How many of those whom a worker waits for are named: one more than the page shows.
constexpr std::size_t kNamedMax = 9;

/// Workers that have not finished, with how far each is, the least first.
using Progress = std::vector<std::pair<std::int64_t, WorkerId>>;

template <class HowFar>
Progress least_first(const std::vector<ProcessView>& processes, const HowFar& how_far) {
  Progress progress;
  for_each_worker(processes, [&](const WorkerStatus& worker) {
    if (worker.state != WorkerState::kFinished) progress.emplace_back(how_far(worker), worker.worker);
  });
  std::ranges::sort(progress);
  return progress;
}

std::vector<WorkerId> those_below(const Progress& progress, std::int64_t needed) {
  std::vector<WorkerId> workers;
  for (const auto& [reached, worker] : progress) {
    if (reached >= needed || workers.size() == kNamedMax) break;
    workers.push_back(worker);
  }
  return workers;
}

void find_who_waits_for_whom(std::vector<ProcessView>& processes) {
  const Progress clocks = least_first(processes, [](const WorkerStatus& worker) { return worker.clock; });
  const Progress barriers = least_first(processes, [](const WorkerStatus& worker) { return worker.barriers; });
  for (ProcessView& process : processes) {
    for (const WorkerStatus& worker : process.workers) {
      std::vector<WorkerId>& waits_for = process.waits_for.emplace_back();
      if (worker.state == WorkerState::kReading) waits_for = those_below(clocks, worker.needed);
      if (worker.state == WorkerState::kAtBarrier) waits_for = those_below(barriers, worker.barriers);
    }
  }
}

/// Where a worker's time went of late. The clock under way counts as soon as it makes the worker slower than those that
/// it has finished. Who has not finished one of late is judged by that clock, or by its whole past where that was
/// slower.
WorkerTotals totals_of_late(const WorkerStatus* before, const WorkerStatus& now) {
  const bool advanced = before != nullptr && now.clock > before->clock;
  const WorkerStatus since = advanced ? *before : WorkerStatus{};
  WorkerTotals totals{.worker = now.worker,
                      .clocks = now.clock - since.clock,
                      .compute_ns = nanoseconds(now.compute_s - since.compute_s),
                      .wait_ns = nanoseconds(now.wait_s - (before != nullptr ? before->wait_s : 0))};
  const std::int64_t under_way_ns = nanoseconds(now.computing_s);
  const auto clocks = static_cast<double>(totals.clocks);
  if (totals.clocks > 0 && now.computing_s * clocks <= now.compute_s - since.compute_s) return totals;
  totals.clocks = advanced ? totals.clocks + 1 : 1;
  totals.compute_ns = advanced ? totals.compute_ns + under_way_ns : under_way_ns;
  return totals;
}

}  // namespace

void StatusBoard::job_runs(int ranks) {
  const std::lock_guard lock(mutex_);
  status_.phase = JobPhase::kRunning;
  status_.ranks = ranks;
}

void StatusBoard::job_ends() {
  const std::lock_guard lock(mutex_);
  status_.phase = JobPhase::kEnded;
}

void StatusBoard::expect_clocks(Clock clocks) {
  const std::lock_guard lock(mutex_);
  status_.clocks = clocks;
}

JobPhase StatusBoard::phase() const {
  const std::lock_guard lock(mutex_);
  return status_.phase;
}

void StatusBoard::update(ProcessStatus process, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  History& history = processes_[process.rank];
  add_evaluations(process, history);
  process.evaluations.clear();
  history.samples.push_back({now_ns, std::move(process)});
  while (history.samples.size() > 2 && history.samples[1].time_ns <= now_ns - kWindowNs) history.samples.pop_front();
}

// A process repeats its latest evaluations, as a report may be overtaken by the next one before it leaves.
void StatusBoard::add_evaluations(const ProcessStatus& process, History& history) {
  std::int64_t number = process.evaluations_before;
  for (const Evaluation& evaluation : process.evaluations) {
    if (number++ < history.evaluations) continue;
    history.evaluations = number;
    status_.evaluations.push_back(evaluation);
  }
  if (status_.evaluations.size() <= kEvaluationsMax) return;
  std::size_t kept = 0;
  const std::size_t first = (status_.evaluations.size() - 1) % 2;  // so that the last stays
  for (std::size_t i = first; i < status_.evaluations.size(); i += 2) {
    status_.evaluations[kept++] = std::move(status_.evaluations[i]);
  }
  status_.evaluations.resize(kept);
}

const StatusBoard::History::Sample& StatusBoard::History::at(std::int64_t moment_ms) const {
  const auto later = std::find_if(samples.begin(), samples.end(),
                                  [&](const Sample& sample) { return sample.process.taken_ms > moment_ms; });
  const bool in_step = later != samples.begin() && std::prev(later)->process.taken_ms > moment_ms - kLateMs;
  return in_step ? *std::prev(later) : samples.back();
}

/// The last moment of which every process that still speaks, and is in step with rank 0, has told.
std::int64_t StatusBoard::common_moment_ms(std::int64_t now_ns) const {
  const auto own = processes_.find(0);
  if (own == processes_.end()) return 0;
  const std::int64_t own_ms = own->second.samples.back().process.taken_ms;
  std::int64_t moment_ms = own_ms;
  for (const auto& [rank, history] : processes_) {
    const History::Sample& last = history.samples.back();
    const bool speaks = now_ns - last.time_ns < kLateMs * 1'000'000;
    const bool in_step = std::abs(last.process.taken_ms - own_ms) < kLateMs;
    if (speaks && in_step) moment_ms = std::min(moment_ms, last.process.taken_ms);
  }
  return moment_ms;
}

// Who waits for whom is found on a copy: processes that tell how they are do not wait for it, however many there are.
JobStatus StatusBoard::status(std::int64_t now_ns) const {
  JobStatus status = picture(now_ns);
  find_spread(status);
  find_who_waits_for_whom(status.processes);
  return status;
}

JobStatus StatusBoard::picture(std::int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  JobStatus status = status_;
  status.version = kVersion;
  status.time_s = seconds(now_ns - start_ns_);
  const std::int64_t moment_ms = common_moment_ms(now_ns);
  for (const auto& [rank, history] : processes_) {
    const History::Sample& first = history.samples.front();
    const History::Sample& last = history.at(moment_ms);
    ProcessView& view = status.processes.emplace_back();
    static_cast<ProcessStatus&>(view) = last.process;
    view.age_s = seconds(now_ns - last.time_ns);
    const double window_s = seconds(last.time_ns - first.time_ns);
    if (window_s <= 0) continue;
    view.sent_per_s = static_cast<double>(last.process.bytes_sent - first.process.bytes_sent) / window_s;
    view.received_per_s = static_cast<double>(last.process.bytes_received - first.process.bytes_received) / window_s;
  }
  status.slowest = find_slowest_of_late();
  return status;
}

std::optional<SlowestWorker> StatusBoard::find_slowest_of_late() const {
  std::vector<WorkerTotals> totals;
  for (const auto& [rank, history] : processes_) {
    const bool has_past = history.samples.size() > 1;
    const std::vector<WorkerStatus>& before = history.samples.front().process.workers;
    const std::vector<WorkerStatus>& now = history.samples.back().process.workers;
    for (std::size_t i = 0; i < now.size(); ++i) {
      totals.push_back(totals_of_late(has_past && i < before.size() ? &before[i] : nullptr, now[i]));
      totals.back().rank = rank;
    }
  }
  return find_slowest(totals);
}

}  // namespace bosen::monitor
