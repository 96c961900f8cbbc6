#pragma once

// Small pure helpers on text that the launcher's parsers share.

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bosen::launch {

/// The whole of `text` as a decimal number; nothing where it is anything else or out of T's range. "+5", " 5" and "5x"
/// are not numbers.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// The pieces of `text` between separators, empty ones included; one piece where there is no separator.
std::vector<std::string_view> split(std::string_view text, char separator);

/// `text` without blanks, tabs and carriage returns at its ends.
std::string_view trim(std::string_view text);

/// The last line of `text` that says something, without blanks at its ends.
std::string_view last_line(std::string_view text);

/// `text` with control bytes and bytes beyond ASCII replaced, cut at `limit` bytes: safe to show to a person.
std::string printable(std::string_view text, std::size_t limit = 120);

}  // namespace bosen::launch
