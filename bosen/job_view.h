#pragma once

// What --monitor does: rank 0 shows the job over HTTP, and every process tells it how it is. Not for apps.

#include <string>
#include <thread>

#include "bosen/job_report.h"
#include "bosen/monitor/monitor.h"
#include "bosen/monitor/status_board.h"
#include "bosen/runtime/platform.h"
#include "bosen/runtime/process.h"

namespace bosen {

/// Rank 0's; outlives the process.
class JobView {
 public:
  /// Listens at `address`, and says so on stderr. Throws Error(kConfiguration) where it can't.
  JobView(const std::string& program, const std::string& address, const runtime::Platform& platform);

  [[nodiscard]] monitor::StatusBoard& board() { return board_; }

 private:
  monitor::StatusBoard board_;
  monitor::Monitor monitor_;
};

/// Tells rank 0 how a process is, a few times a second, as long as it lives.
class StatusReporter {
 public:
  /// `view` is rank 0's, elsewhere null.
  StatusReporter(runtime::Process& process, JobReport& report, JobView* view);
  ~StatusReporter();
  StatusReporter(const StatusReporter&) = delete;
  StatusReporter& operator=(const StatusReporter&) = delete;

 private:
  void tell();

  runtime::Process& process_;
  JobReport& report_;
  JobView* const view_;
  std::jthread thread_;
};

}  // namespace bosen
