#include "bosen/runtime/job_statistics.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace bosen::runtime {

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
}

// All processes of a job run the same build on machines of the same byte order: the struct is its own format.
std::vector<std::byte> JobStatistics::to_bytes() const {
  static_assert(std::is_trivially_copyable_v<JobStatistics>);
  std::vector<std::byte> bytes(sizeof *this);
  std::memcpy(bytes.data(), this, bytes.size());
  return bytes;
}

std::optional<JobStatistics> JobStatistics::from_bytes(std::span<const std::byte> bytes) {
  JobStatistics statistics;
  if (bytes.size() != sizeof statistics) return {};
  std::memcpy(&statistics, bytes.data(), bytes.size());
  return statistics;
}

}  // namespace bosen::runtime
