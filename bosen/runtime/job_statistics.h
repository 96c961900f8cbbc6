#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bosen/core/client_table.h"
#include "bosen/monitor/slowest_worker.h"

namespace bosen::runtime {

/// Totals over workers, of a process or of the whole job.
struct JobTotals {
  std::int64_t workers = 0;
  std::int64_t clocks = 0;  ///< of the worker that advanced most often
  std::int64_t compute_ns = 0;
  std::int64_t wait_ns = 0;
  std::int64_t reads = 0;
  std::int64_t misses = 0;
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::array<std::int64_t, core::StalenessHistogram{}.counts.size()> staleness{};
  friend bool operator==(const JobTotals&, const JobTotals&) = default;
};

/// A plain value that can travel as bytes.
struct JobStatistics : JobTotals {
  std::vector<monitor::WorkerTotals> by_worker;

  void add(const JobStatistics& other);

  [[nodiscard]] std::vector<std::byte> to_bytes() const;
  static std::optional<JobStatistics> from_bytes(std::span<const std::byte> bytes);

  friend bool operator==(const JobStatistics&, const JobStatistics&) = default;
};

}  // namespace bosen::runtime
