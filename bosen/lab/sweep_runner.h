#pragma once

// Runs the runs of a sweep, several at a time, and remembers which are done.

#include <functional>
#include <string>
#include <vector>

#include "bosen/lab/sweep_run.h"

namespace bosen::lab {

/// How a run ended.
enum class RunStatus {
  kPending,
  kDone,
  kDiverged,  ///< the app said so
  kFailed,
};

struct RunOutcome {
  RunStatus status = RunStatus::kPending;
  std::string last_line;  ///< of what it said, where it failed
};

/// Carries out what has not been done yet: a run that has ended well in an earlier call, by the same command, the
/// same build of the program and the same profile, is not repeated. Stops early at SIGINT, SIGTERM or SIGHUP, with the
/// runs under way ended, and killed at the second signal. Throws Error where a program can't be started or the folder
/// can't be written.
class SweepRunner {
 public:
  struct Progress {
    int done = 0;
    int all = 0;
    double seconds_left = -1;  ///< negative: not known yet
  };
  /// Called when a run has ended.
  using OnProgress = std::function<void(const Progress&, const SweepRun&, const RunOutcome&)>;

  SweepRunner(std::vector<SweepRun> runs, int parallel) : runs_(std::move(runs)), parallel_(parallel) {}

  /// Returns the signal that stopped it; 0: none did.
  int run(const OnProgress& on_progress);

  [[nodiscard]] const std::vector<SweepRun>& runs() const { return runs_; }
  /// By run.
  [[nodiscard]] const std::vector<RunOutcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<SweepRun> runs_;
  const int parallel_;
  std::vector<RunOutcome> outcomes_;
};

/// What an earlier call found of this run; pending where it was not done, or by another command, build or profile.
RunOutcome recorded_outcome(const SweepRun& run);

/// Whether all that keeps an earlier call's result from counting is that the program was another build, or that the
/// profile held something else.
bool is_of_another_build(const SweepRun& run);

/// Throws Error(kUsage) where the folder has results of other runs than these, which would stand beside theirs or be
/// replaced.
void check_output(const std::string& output, const std::vector<SweepRun>& runs);

}  // namespace bosen::lab
