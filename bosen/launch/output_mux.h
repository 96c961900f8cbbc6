#pragma once

// Turns what many processes write into whole lines that start with "[rank] ". Pure: bytes in, text out;
// single-threaded.
//
// Invariant: whatever is returned is made of complete lines, so that texts can be written one after the other.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::launch {

enum class Stream { kOut = 0, kErr = 1 };

class OutputMux {
 public:
  struct Colour {
    bool out = false;  ///< whether tags on stdout are coloured
    bool err = false;
  };

  OutputMux(int size, Colour colour);

  /// Takes bytes that a rank wrote; returns the lines that they complete, tagged. A line of more than kMaxOutputLine
  /// bytes is cut.
  std::string feed(Rank rank, Stream stream, std::string_view bytes);

  /// The rank writes no more to this stream: returns its last line if that has no end, tagged and ended.
  std::string finish(Rank rank, Stream stream);

 private:
  std::string& unfinished(Rank rank, Stream stream);
  void append_line(Rank rank, Stream stream, std::string_view line, std::string& text) const;

  Colour colour_;
  std::vector<std::array<std::string, 2>> unfinished_;  ///< by rank and stream: the line that has no end yet
};

}  // namespace bosen::launch
