#pragma once

// How far a job is, for a person: one line that is rewritten on a terminal, a line every few seconds elsewhere.

#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/terminal.h"
#include "bosen/base/types.h"

namespace bosen::monitor {

/// How far a job is.
struct ProgressState {
  Clock clock = 0;
  Clock clocks = 0;                                           ///< how many there will be; 0: not known
  std::vector<std::pair<std::string, double>> measures = {};  ///< of the last evaluation
};

/// Writes progress. Time comes in as an argument, in seconds since the run began. Any thread may call it.
class Progress {
 public:
  struct Settings {
    std::string name;  ///< of the program; begins every line
    TerminalStyle style;
    double line_every_s = 5;       ///< elsewhere than on a terminal
    double rewrite_every_s = 0.1;  ///< on a terminal
  };

  Progress(Settings settings, std::ostream& out);

  /// Writes the state where it is time to. Cheap where it isn't.
  void update(double now_s, const ProgressState& state);

  /// Writes the last state, where the last line doesn't say it already, and ends the line.
  void finish(double now_s, const ProgressState& state);

  /// Removes the line of a terminal, so that another message can be written.
  void clear();

 private:
  [[nodiscard]] std::string time_left(double now_s, const ProgressState& state) const;
  [[nodiscard]] std::string text(double now_s, const ProgressState& state, bool with_bar) const;
  void write(double now_s, const ProgressState& state);

  const Settings settings_;
  std::mutex mutex_;  // a leaf; guards all below
  std::ostream& out_;
  double next_s_ = 0;       // not before this
  bool line_open_ = false;  // a terminal's line waits to be rewritten
  std::string written_;     // what the last line said, without its times
  // Where the run was at its first update, from which its pace is known: it may have gone on from a snapshot.
  std::optional<Clock> first_clock_;
  double first_s_ = 0;
};

/// "3.2 s", "4 min 05 s", "2 h 03 min"
std::string duration_text(double seconds);

}  // namespace bosen::monitor
