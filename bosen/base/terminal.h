#pragma once

// Whether somebody watches, and whether they like colours.

#include <functional>

namespace bosen {

/// How to write to an output. A plain value.
struct TerminalStyle {
  bool rewrites_lines = false;  ///< a terminal that can go back to the start of a line
  bool colors = false;          ///< such a terminal whose user has not set NO_COLOR
  int columns = 79;             ///< the longest line that doesn't wrap
};

/// The style of file descriptor `fd`. `environment` looks up a variable, null where it isn't set (TERM, NO_COLOR).
TerminalStyle terminal_style(int fd, const std::function<const char*(const char*)>& environment);

/// The style of stdout and of stderr, by this process's own environment.
TerminalStyle stdout_style();
TerminalStyle stderr_style();

}  // namespace bosen
