#include "bosen/base/yaml_quotes.h"

#include <algorithm>

namespace bosen {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view without_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

bool is_quote(char c) { return c == '"' || c == '\''; }

/// The position behind the quoted text that begins at `begin`; npos where its line does not close it. Looks no further
/// than that, as a file may be one long line.
std::size_t end_of_quoted(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  for (std::size_t at = begin + 1; at < text.size() && text[at] != '\n'; ++at) {
    const bool doubled = quote == '\'' && text.substr(at, 2) == "''";
    const bool escaped = quote == '"' && text[at] == '\\' && text.substr(at + 1, 1) != "\n";
    if (doubled || escaped) {
      ++at;
    } else if (text[at] == quote) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

/// The column of the first quote that begins something in the line and has no end there; npos where there is none.
std::size_t open_quote_of_line(std::string_view line) {
  char before = ':';  // the last byte that is no blank; a line begins as a value does
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    if (c == '#' && (at == 0 || line[at - 1] == ' ')) break;
    if (is_quote(c) && std::string_view(":-[{,?").find(before) != std::string_view::npos) {
      const std::size_t end = end_of_quoted(line, at);
      if (end == std::string_view::npos) return at;
      at = end;
      before = c;
      continue;
    }
    if (c != ' ' && c != '\t') before = c;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

bool begins_open_quote(std::string_view text, std::size_t position) {
  text = without_mark(text);
  text.remove_prefix(position < text.size() ? position : text.size());
  while (!text.empty() && (text.front() == '!' || text.front() == '&')) {
    text.remove_prefix(std::min(text.find_first_of(" \n"), text.size()));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return !text.empty() && is_quote(text.front()) && end_of_quoted(text, 0) == std::string_view::npos;
}

std::optional<QuotePlace> find_open_quote(std::string_view text) {
  text = without_mark(text);
  for (int line = 0; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::size_t column = open_quote_of_line(text.substr(0, end));
    if (column != std::string_view::npos) return QuotePlace{line, static_cast<int>(column)};
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace bosen
