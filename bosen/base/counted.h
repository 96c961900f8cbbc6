#pragma once

// Numbers of things in messages.

#include <concepts>
#include <string>

namespace bosen {

/// "1 run", "3 runs"; where an s is not enough, with the plural too: "1 entry", "3 entries".
template <std::integral Count>
std::string counted(Count count, const std::string& noun, const std::string& plural = {}) {
  return std::to_string(count) + " " + (count == 1 ? noun : plural.empty() ? noun + "s" : plural);
}

}  // namespace bosen
