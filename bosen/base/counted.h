#pragma once

// Numbers of things in messages.

#include <cstdint>
#include <string>

namespace bosen {

/// "1 run", "3 runs".
inline std::string counted(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace bosen
