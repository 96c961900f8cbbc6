#pragma once

// A program's standard streams: where they may be closed, full, or gone.

#include <string>

namespace bosen {

/// Opens those of the three that are closed, on /dev/null: what is opened next would be taken for one of them.
void open_standard_streams();

/// Writes a text to stderr. What cannot be written there is lost, and no reason to end.
void say(const std::string& text);

/// Why what was printed to stdout is lost; empty where all of it is written.
[[nodiscard]] std::string lost_output();

}  // namespace bosen
