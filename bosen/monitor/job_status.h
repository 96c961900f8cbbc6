#pragma once

// The whole job at a moment, as rank 0 knows it: what /api/status, /metrics, the live page and `bosen top` show.

#include <optional>
#include <string>
#include <vector>

#include "bosen/monitor/process_status.h"
#include "bosen/monitor/slowest_worker.h"

namespace bosen::monitor {

/// A process with what follows from comparing it with its past and with the other processes.
struct ProcessView : ProcessStatus {
  double age_s = 0;           ///< since rank 0 heard this
  double sent_per_s = 0;      ///< bytes, of late
  double received_per_s = 0;  ///< bytes, of late
  std::vector<std::vector<WorkerId>> waits_for =
      {};  ///< by worker as in `workers`: whose clocks its read, or whose arrival its barrier, waits for
};

enum class JobPhase { kStarting, kRunning, kEnded };

std::string_view to_string(JobPhase phase);

struct JobStatus {
  std::string program = {};
  std::string version = {};
  JobPhase phase = JobPhase::kStarting;
  double time_s = 0;
  int ranks = 1;
  Clock clocks = 0;       ///< how many there will be; 0: not known
  Clock clock_least = 0;  ///< of the workers that have not finished
  Clock clock_most = 0;
  std::vector<ProcessView> processes = {};  ///< those that have said something, by rank
  std::vector<Evaluation> evaluations = {};
  std::optional<SlowestWorker> slowest = {};  ///< of late
};

/// One JSON object.
std::string to_json(const JobStatus& status);

}  // namespace bosen::monitor
