#include "bosen/launch/text.h"

#include <algorithm>
#include <numeric>

namespace bosen::launch {
namespace {

/// Letters to insert, delete or replace to get from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[to.size()];
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
  // A word of n letters may have a third of them wrong; more is another word.
  std::size_t nearest = word.size() / 3 + 1;
  std::string_view best;
  for (const std::string& candidate : candidates) {
    if (candidate == word || candidate.size() > word.size() + nearest) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < nearest || (best.empty() && distance == nearest)) {
      nearest = distance;
      best = candidate;
    }
  }
  if (best.empty()) return {};
  return "; did you mean '" + std::string(best) + "'?";
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown(text.substr(0, limit));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  if (text.size() > limit) shown += "...";
  return shown;
}

}  // namespace bosen::launch
