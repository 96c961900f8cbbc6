#pragma once

// Rank 0's picture of the job: processes tell it how they are, readers get it as a whole. Processes look at themselves
// at the same moments, and a picture is of one such moment: else the clocks of two workers would seem further apart
// than they ever were.

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bosen/monitor/job_status.h"

namespace bosen::monitor {

/// Any thread. Times are nanoseconds of one clock of the caller's.
class StatusBoard {
 public:
  StatusBoard(std::string program, std::int64_t start_ns) : start_ns_(start_ns) {
    status_.program = std::move(program);
  }

  /// All processes have joined: `ranks` of them.
  void job_runs(int ranks);
  void job_ends();
  /// How many clocks there will be.
  void expect_clocks(Clock clocks);

  /// A process has said how it is.
  void update(ProcessStatus process, std::int64_t now_ns);

  [[nodiscard]] JobStatus status(std::int64_t now_ns) const;
  [[nodiscard]] JobPhase phase() const;

 private:
  /// A process with some of its past.
  struct History {
    struct Sample {
      std::int64_t time_ns = 0;
      ProcessStatus process;  ///< without evaluations
    };
    /// The latest one taken at that moment or before; the latest of all where that was long before.
    [[nodiscard]] const Sample& at(std::int64_t moment_ms) const;

    std::deque<Sample> samples;  ///< never empty, the last is the latest
    std::int64_t evaluations = 0;
  };

  void add_evaluations(const ProcessStatus& process, History& history);
  /// As the processes have told it.
  [[nodiscard]] JobStatus picture(std::int64_t now_ns) const;
  [[nodiscard]] std::int64_t common_moment_ms(std::int64_t now_ns) const;
  [[nodiscard]] std::optional<SlowestWorker> find_slowest_of_late() const;

  const std::int64_t start_ns_;
  mutable std::mutex mutex_;  // a leaf; guards all below
  JobStatus status_;          ///< what does not follow from the histories
  std::map<Rank, History> processes_;
};

}  // namespace bosen::monitor
