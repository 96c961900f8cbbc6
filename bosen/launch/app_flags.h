#pragma once

// Which flags a program on bosen has, as its --help says.

#include <string>
#include <vector>

namespace bosen::launch {

/// Their names, without dashes. `place` is who names the program, for errors. Throws Error(kConfiguration) where it
/// cannot be started, or is not built on bosen.
[[nodiscard]] std::vector<std::string> flags_of_app(const std::string& program, const std::string& place);

}  // namespace bosen::launch
