#pragma once

// Which flags a program on bosen has, as its --help says.

#include <string>
#include <utility>
#include <vector>

#include "bosen/base/spec_node.h"

namespace bosen::launch {

/// The names of the flags of a program that a file names, without dashes; it is looked for in `folder` too. Throws
/// Error(kConfiguration) with its place where it cannot be started, is not built on
/// bosen, or wants a command before its flags.
[[nodiscard]] std::vector<std::string> flags_of_app(const SpecNode& program, const std::string& folder);

/// Throws Error(kConfiguration) with the value's place where the flag is none of these, which are the program's.
void check_flag(const std::pair<std::string, SpecNode>& flag, const SpecNode& program,
                const std::vector<std::string>& flags);

}  // namespace bosen::launch
