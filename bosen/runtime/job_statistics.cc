#include "bosen/runtime/job_statistics.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace bosen::runtime {

using monitor::WorkerTotals;

void JobStatistics::add(const JobStatistics& other) {
  workers += other.workers;
  clocks = std::max(clocks, other.clocks);
  compute_ns += other.compute_ns;
  wait_ns += other.wait_ns;
  reads += other.reads;
  misses += other.misses;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  for (std::size_t i = 0; i < staleness.size(); ++i) staleness[i] += other.staleness[i];
  by_worker.insert(by_worker.end(), other.by_worker.begin(), other.by_worker.end());
}

// All processes of a job run the same build on machines of the same byte order: the structs are their own format.
std::vector<std::byte> JobStatistics::to_bytes() const {
  static_assert(std::is_trivially_copyable_v<JobTotals> && std::is_trivially_copyable_v<WorkerTotals>);
  const JobTotals& totals = *this;
  std::vector<std::byte> bytes(sizeof totals + by_worker.size() * sizeof(WorkerTotals));
  std::memcpy(bytes.data(), &totals, sizeof totals);
  if (!by_worker.empty()) {
    std::memcpy(bytes.data() + sizeof totals, by_worker.data(), by_worker.size() * sizeof(WorkerTotals));
  }
  return bytes;
}

std::optional<JobStatistics> JobStatistics::from_bytes(std::span<const std::byte> bytes) {
  JobStatistics statistics;
  JobTotals& totals = statistics;
  if (bytes.size() < sizeof totals || (bytes.size() - sizeof totals) % sizeof(WorkerTotals) != 0) return {};
  std::memcpy(&totals, bytes.data(), sizeof totals);
  const auto rest = bytes.subspan(sizeof totals);
  statistics.by_worker.resize(rest.size() / sizeof(WorkerTotals));
  if (!rest.empty()) std::memcpy(statistics.by_worker.data(), rest.data(), rest.size());
  return statistics;
}

}  // namespace bosen::runtime
