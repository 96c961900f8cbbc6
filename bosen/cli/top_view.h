#pragma once

// What `bosen top` shows, as text.

#include <string>
#include <string_view>

namespace bosen::cli {

struct TopStyle {
  bool colors = false;
  // Of a terminal; where there is none, there is no reason to cut.
  int columns = 400;
  int lines = 5000;  ///< beyond, only the slowest workers and the first processes are listed
};

/// A job's /api/status as lines for a terminal. Throws Error(kData) where it is no such status.
std::string render_top(std::string_view status, const TopStyle& style);

}  // namespace bosen::cli
