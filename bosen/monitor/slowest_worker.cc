#include "bosen/monitor/slowest_worker.h"

#include <algorithm>
#include <vector>

namespace bosen::monitor {
namespace {

constexpr double kNotablyLonger = 1.1;

double compute_s_of(const WorkerTotals& worker) {
  return static_cast<double>(worker.compute_ns) / 1e9 / static_cast<double>(std::max<std::int64_t>(1, worker.clocks));
}

}  // namespace

std::optional<SlowestWorker> find_slowest(std::span<const WorkerTotals> workers) {
  if (workers.size() < 2) return {};
  std::vector<double> times;
  for (const WorkerTotals& worker : workers) times.push_back(compute_s_of(worker));
  const auto median = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) / 2);
  std::nth_element(times.begin(), median, times.end());
  const auto faster = [](const WorkerTotals& a, const WorkerTotals& b) { return compute_s_of(a) < compute_s_of(b); };
  const WorkerTotals& last = *std::max_element(workers.begin(), workers.end(), faster);
  SlowestWorker slowest{.worker = last.worker, .rank = last.rank, .compute_s = compute_s_of(last)};
  if (*median <= 0 || slowest.compute_s < kNotablyLonger * *median) return {};
  slowest.times_median = slowest.compute_s / *median;
  for (const WorkerTotals& worker : workers) {
    slowest.others_wait_s += static_cast<double>(std::max<std::int64_t>(0, worker.wait_ns - last.wait_ns)) / 1e9;
  }
  return slowest;
}

}  // namespace bosen::monitor
