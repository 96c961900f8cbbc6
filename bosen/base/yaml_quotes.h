#pragma once

// Quotes of a YAML file that somebody forgot to close. YAML lets a quoted text go on over lines, and yaml-cpp to the
// end of the file: what follows would be swallowed without a word. Pure.

#include <cstddef>
#include <optional>
#include <string_view>

namespace bosen {

/// What to say of such a quote, behind its place.
inline constexpr const char* kOpenQuote = "the quote that begins here is not closed in its line: close it";

/// Whether a value that begins at `position` (with its tag or anchor, as yaml-cpp counts) is in quotes that its line
/// does not close.
bool begins_open_quote(std::string_view text, std::size_t position);

struct QuotePlace {
  int line = 0;  ///< from 0, as yaml-cpp counts
  int column = 0;
};

/// The first quote at the beginning of a key, value or item that its line does not close. A guess, for files that are
/// malformed: it knows nothing of texts that go over lines.
std::optional<QuotePlace> find_open_quote(std::string_view text);

}  // namespace bosen
