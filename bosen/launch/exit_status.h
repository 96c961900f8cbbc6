#pragma once

// How processes end, and what a whole job's exit code is. Pure.

#include <optional>
#include <string>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::launch {

/// How one rank ended.
struct Ending {
  enum class Kind {
    kExited,          ///< `value` is the exit code
    kSignalled,       ///< `value` is the signal
    kConnectionLost,  ///< ssh ended while the process ran; how it ended is not known
  };
  Rank rank = 0;
  Kind kind = Kind::kExited;
  int value = 0;

  [[nodiscard]] bool failed() const { return kind != Kind::kExited || value != 0; }
};

/// The ending that waitpid() describes.
Ending ending_of_wait_status(Rank rank, int status);

/// The ending of a process whose shell reports `code`: shells say 128 + n for signal n.
Ending ending_of_shell_code(Rank rank, int code);

/// "exited with code 3", "was killed by signal 9 (SIGKILL)", "was lost with its ssh connection".
std::string describe(const Ending& ending);

/// "SIGKILL" for 9; "signal 99" for one without a name.
std::string signal_name(int signal);

/// Why a job ends, and with which exit code. Told of every event in the order of its happening.
///
/// The first failing rank is the cause. A process that loses a peer soon fails as well, and its news may be here first;
/// so a rank that a signal killed, other than one of ours, takes the blame over from one that exited by itself, and a
/// rank whose connection was lost from one that says that it lost a peer.
class Outcome {
 public:
  /// `by_us`: the process was sent a signal by bosen run before it ended.
  void rank_ended(const Ending& ending, bool by_us);
  /// bosen run itself received this signal.
  void interrupted(int signal);
  void timed_out();
  /// Something could not be started.
  void refused();

  /// 0 success; 2 could not start; 110 time-out; 128+n stopped by signal n; else the first failing rank's code (128+n
  /// where signal n killed it, 1 where its connection was lost).
  [[nodiscard]] int exit_code() const;

  /// The rank that failed first, if one did.
  [[nodiscard]] const std::optional<Ending>& cause() const { return cause_; }

  [[nodiscard]] bool was_refused() const { return refused_; }
  [[nodiscard]] bool has_timed_out() const { return timed_out_; }

  /// Whether the job failed while it ran, and not for something that its user has to mend first.
  [[nodiscard]] bool may_go_better() const;

  /// The signal that stopped bosen run, if one did.
  [[nodiscard]] std::optional<int> interruption() const { return signal_; }

 private:
  std::optional<Ending> cause_;
  std::optional<int> signal_;
  bool timed_out_ = false;
  bool refused_ = false;
};

}  // namespace bosen::launch
