#include "bosen/launch/node_list.h"

#include <algorithm>
#include <optional>

#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

[[noreturn]] void malformed(std::string_view list, const std::string& why) {
  throw Error(ErrorKind::kConfiguration, "the node list '" + printable(list) + "' is malformed: " + why);
}

/// The pieces of a list between commas that stand outside brackets.
std::vector<std::string_view> split_entries(std::string_view list) {
  std::vector<std::string_view> entries;
  std::size_t start = 0;
  bool inside = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '[' || list[i] == ']') {
      if (inside == (list[i] == '[')) malformed(list, "its brackets do not match");
      inside = list[i] == '[';
    } else if (list[i] == ',' && !inside) {
      entries.push_back(list.substr(start, i - start));
      start = i + 1;
    }
  }
  if (inside) malformed(list, "a bracket is not closed");
  entries.push_back(list.substr(start));
  return entries;
}

/// "08-10" is 08, 09, 10; "7" is itself.
void append_range(std::string_view list, std::string_view range, std::vector<std::string>& numbers) {
  const std::size_t dash = range.find('-');
  const std::string_view low = range.substr(0, dash);
  const std::string_view high = dash == std::string_view::npos ? low : range.substr(dash + 1);
  const auto first = parse_number<unsigned>(low);
  const auto last = parse_number<unsigned>(high);
  if (!first || !last) malformed(list, "'" + printable(range) + "' is not a number or a range of numbers");
  if (*last < *first) malformed(list, "'" + printable(range) + "' counts downwards");
  if (*last - *first >= kMaxNodes - numbers.size()) malformed(list, "it names too many nodes");
  for (std::uint64_t number = *first; number <= *last; ++number) {  // which does not wrap
    std::string digits = std::to_string(number);
    if (digits.size() < low.size()) digits.insert(0, low.size() - digits.size(), '0');
    numbers.push_back(std::move(digits));
  }
}

/// All names of one entry, brackets expanded from left to right.
std::vector<std::string> expand_entry(std::string_view list, std::string_view entry) {
  std::vector<std::string> names = {""};
  while (!entry.empty()) {
    const std::size_t open = entry.find('[');
    for (std::string& name : names) name += entry.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = entry.find(']');
    std::vector<std::string> numbers;
    for (const std::string_view range : split(entry.substr(open + 1, close - open - 1), ',')) {
      append_range(list, range, numbers);
    }
    if (names.size() * numbers.size() > kMaxNodes) malformed(list, "it names too many nodes");
    std::vector<std::string> longer;
    longer.reserve(names.size() * numbers.size());
    for (const std::string& name : names) {
      for (const std::string& number : numbers) longer.push_back(name + number);
    }
    names = std::move(longer);
    entry.remove_prefix(close + 1);
  }
  return names;
}

/// "2(x3)" is 2, three times; "1" is itself.
void append_counts(std::string_view list, std::string_view entry, std::vector<int>& counts) {
  const std::size_t open = entry.find("(x");
  const auto count = parse_number<int>(entry.substr(0, open));
  std::optional<int> times = 1;
  if (open != std::string_view::npos) {
    if (entry.back() != ')') malformed(list, "a parenthesis is not closed");
    times = parse_number<int>(entry.substr(open + 2, entry.size() - open - 3));
  }
  if (!count || *count < 0 || !times || *times < 1) malformed(list, "'" + printable(entry) + "' is not a count");
  if (counts.size() + static_cast<std::size_t>(*times) > kMaxNodes) malformed(list, "it names too many nodes");
  counts.insert(counts.end(), static_cast<std::size_t>(*times), *count);
}

}  // namespace

std::vector<std::string> expand_node_list(std::string_view list) {
  std::vector<std::string> nodes;
  for (const std::string_view entry : split_entries(list)) {
    for (std::string& name : expand_entry(list, entry)) {
      if (!is_host_name(name)) malformed(list, "'" + printable(name) + "' is not a host's name");
      nodes.push_back(std::move(name));
    }
    if (nodes.size() > kMaxNodes) malformed(list, "it names too many nodes");
  }
  return nodes;
}

std::vector<int> expand_counts(std::string_view list) {
  std::vector<int> counts;
  for (const std::string_view entry : split(list, ',')) append_counts(list, entry, counts);
  return counts;
}

}  // namespace bosen::launch
