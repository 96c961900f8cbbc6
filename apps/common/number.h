#pragma once

// Numbers as people and other programs write them.

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace apps {

/// Reads a whole word as a number, a plus in front of it allowed; false where it is none or too large. What is nearer
/// to zero than a T can be becomes zero.
template <class T>
bool parse_number(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end) return false;
  if constexpr (std::is_floating_point_v<T>) {
    // from_chars does not say on which side a number is out of range.
    if (error == std::errc::result_out_of_range && std::abs(std::strtod(std::string(text).c_str(), nullptr)) < 1) {
      value = 0;
      return true;
    }
  }
  return error == std::errc{};
}

}  // namespace apps
