#include "bosen/base/suggestion.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace bosen {
namespace {

/// A beginning of a name this long is taken for that name.
constexpr std::size_t kPrefixLength = 3;

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

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
  // A word of n letters may have a third of them wrong; more is another word.
  std::size_t nearest = word.size() / 3 + 1;
  std::string_view best;
  for (const std::string& candidate : candidates) {
    if (word.size() >= kPrefixLength && candidate.size() > word.size() && candidate.starts_with(word)) {
      best = candidate;
      break;
    }
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

}  // namespace bosen
