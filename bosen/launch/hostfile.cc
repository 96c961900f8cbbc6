#include "bosen/launch/hostfile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/base/suggestion.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

/// A word of a line and the column (from 1) where it starts.
struct Word {
  std::string_view text;
  std::size_t column = 1;
};

/// Where a line stands, so that each error can say it.
class Place {
 public:
  /// A line of a file.
  Place(std::string_view file, std::size_t line)
      : prefix_(fmt::format("{}:{}", file, line)), kind_(ErrorKind::kConfiguration) {}
  /// The -H list.
  Place() : prefix_("-H"), kind_(ErrorKind::kUsage) {}

  [[nodiscard]] std::string at(std::size_t column) const { return fmt::format("{}:{}", prefix_, column); }

  [[noreturn]] void fail(std::size_t column, const std::string& message) const {
    throw Error(kind_, at(column) + ": " + message);
  }

 private:
  std::string prefix_;
  ErrorKind kind_;
};

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The words of a line; "=" is a word of its own, so that "slots = 4" reads like "slots=4".
std::vector<Word> words_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<Word> words;
  std::size_t i = 0;
  while (i < line.size()) {
    if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
      ++i;
      continue;
    }
    const std::size_t end = line[i] == '=' ? i + 1 : std::min(line.find_first_of(" \t\r=", i), line.size());
    words.push_back({line.substr(i, end - i), i + 1});
    i = end;
  }
  return words;
}

int parse_slots(const Place& place, const Word& word) {
  const auto slots = parse_number<int>(word.text);
  if (!slots || *slots < 1 || *slots > kMaxSlots) {
    place.fail(word.column, fmt::format("'{}' is not a number of slots from 1 to {}", printable(word.text), kMaxSlots));
  }
  return *slots;
}

void check_host_name(const Place& place, const Word& word, bool bracketed) {
  const bool has_colon = word.text.find(':') != std::string_view::npos;
  if (!is_host_name(word.text) || has_colon != bracketed) {
    place.fail(word.column, fmt::format("'{}' is not a host's name or address", printable(word.text)));
  }
}

/// Takes "user@" from the front of `word`.
std::string take_user(const Place& place, Word& word) {
  const std::size_t at = word.text.find('@');
  if (at == std::string_view::npos) return {};
  const std::string_view user = word.text.substr(0, at);
  if (!is_host_name(user) || user.find(':') != std::string_view::npos) {
    place.fail(word.column, fmt::format("'{}' is not a user's name", printable(user)));
  }
  word.text.remove_prefix(at + 1);
  word.column += at + 1;
  return std::string(user);
}

/// Reads "[user@]host", "[user@]host:N", "[user@][ipv6]" or "[user@][ipv6]:N".
Host parse_host(const Place& place, Word word) {
  Host host;
  host.where = place.at(word.column);
  host.user = take_user(place, word);
  Word name = word;
  std::string_view rest;
  const bool bracketed = word.text.starts_with('[');
  if (bracketed) {
    const std::size_t close = word.text.find(']');
    if (close == std::string_view::npos) place.fail(word.column, "the bracket '[' is not closed");
    name = {word.text.substr(1, close - 1), word.column + 1};
    rest = word.text.substr(close + 1);
  } else {
    if (std::count(word.text.begin(), word.text.end(), ':') > 1) {
      place.fail(word.column,
                 fmt::format("'{}' looks like an IPv6 address: write it in brackets, as in [::1] or [::1]:2",
                             printable(word.text)));
    }
    name.text = word.text.substr(0, word.text.find(':'));
    rest = word.text.substr(name.text.size());
  }
  check_host_name(place, name, bracketed);
  host.name = std::string(name.text);
  const std::size_t rest_column = word.column + word.text.size() - rest.size();
  if (rest.empty()) return host;
  if (!rest.starts_with(':')) place.fail(rest_column, "expected ':' and a number of slots after ']'");
  host.slots = parse_slots(place, {rest.substr(1), rest_column + 1});
  return host;
}

/// Reads what may follow a host: "slots=N", "max_slots=N".
void parse_keys(const Place& place, const std::vector<Word>& words, Host& host) {
  static const std::vector<std::string> kKeys = {"slots", "max_slots", "max-slots"};
  const std::size_t bracket = words[0].text.rfind(']');
  bool has_slots = words[0].text.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
  for (std::size_t i = 1; i < words.size(); i += 3) {
    const Word& key = words[i];
    if (std::find(kKeys.begin(), kKeys.end(), key.text) == kKeys.end()) {
      place.fail(key.column, fmt::format("'{}' is not known here: after a host stands 'slots=N' or nothing{}",
                                         printable(key.text), suggestion(key.text, kKeys)));
    }
    if (i + 1 == words.size() || words[i + 1].text != "=")
      place.fail(key.column, fmt::format("expected '{}=N'", key.text));
    if (i + 2 == words.size()) place.fail(words[i + 1].column, fmt::format("expected a number after '{}='", key.text));
    const int slots = parse_slots(place, words[i + 2]);
    if (key.text != "slots") continue;
    if (has_slots) place.fail(key.column, "the slots of this host are given twice");
    host.slots = slots;
    has_slots = true;
  }
}

/// Reads Petuum's "id host port". The port was its servers'; ours are picked by the system.
Host parse_petuum(const Place& place, const std::vector<Word>& words) {
  constexpr const char* kForm = "a line that starts with a number has the form 'ID HOST PORT'";
  if (words.size() < 3) place.fail(words.back().column, fmt::format("{}, and this one ends early", kForm));
  if (words.size() > 3) place.fail(words[3].column, fmt::format("{}, and this one goes on", kForm));
  Host host = parse_host(place, words[1]);
  if (host.slots != 1) place.fail(words[1].column, fmt::format("{}, without slots", kForm));
  const auto port = parse_number<int>(words[2].text);
  if (!port || *port < 1 || *port > 65535) {
    place.fail(words[2].column, fmt::format("'{}' is not a port from 1 to 65535", printable(words[2].text)));
  }
  return host;
}

/// A host as its line gives it.
struct Entry {
  Host host;
  std::optional<std::int64_t> id;  ///< Petuum's form only
  std::size_t line = 0;
};

class HostfileParser {
 public:
  explicit HostfileParser(std::string_view name) : name_(name) {}

  void parse_line(std::string_view line, std::size_t number) {
    const std::vector<Word> words = words_of(line);
    if (words.empty()) return;
    const Place place(name_, number);
    Entry entry;
    entry.line = number;
    if (is_number(words[0].text)) {
      entry.host = parse_petuum(place, words);
      entry.id = parse_id(place, words[0], number);
    } else {
      entry.host = parse_host(place, words[0]);
      parse_keys(place, words, entry.host);
    }
    entries_.push_back(std::move(entry));
  }

  std::vector<Host> finish() {
    if (entries_.empty()) Place(name_, 1).fail(1, "the file names no host");
    const bool all_petuum =
        std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.id.has_value(); });
    if (all_petuum)
      std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return *a.id < *b.id; });
    std::vector<Host> hosts;
    std::map<std::string, std::pair<std::size_t, const Entry*>> seen;
    for (const Entry& entry : entries_) {
      const auto [found, is_new] = seen.try_emplace(entry.host.name, hosts.size(), &entry);
      if (is_new) {
        hosts.push_back(entry.host);
      } else if (entry.id && found->second.second->id) {
        hosts[found->second.first].slots += 1;
      } else {
        refuse_duplicate(*found->second.second, entry);
      }
    }
    return hosts;
  }

 private:
  std::int64_t parse_id(const Place& place, const Word& word, std::size_t line) {
    const auto id = parse_number<std::int64_t>(word.text);
    if (!id) place.fail(word.column, fmt::format("'{}' is too large for an id", printable(word.text)));
    const auto [found, is_new] = ids_.try_emplace(*id, line);
    if (!is_new) place.fail(word.column, fmt::format("the id {} stands on line {} already", *id, found->second));
    return *id;
  }

  [[noreturn]] static void refuse_duplicate(const Entry& first, const Entry& second) {
    throw Error(
        ErrorKind::kConfiguration,
        fmt::format("{}: the host '{}' is listed twice, first on line {}: keep one line and write '{} slots={}'",
                    second.host.where, second.host.name, first.line, second.host.name,
                    first.host.slots + second.host.slots));
  }

  std::string_view name_;
  std::vector<Entry> entries_;
  std::map<std::int64_t, std::size_t> ids_;  ///< id to line
};

/// "; did you mean 'hosts.txt'?" where a file beside the missing one has a similar name.
std::string similar_file(const std::filesystem::path& missing) {
  std::vector<std::string> names;
  std::error_code ignored;
  const std::filesystem::path folder = missing.has_parent_path() ? missing.parent_path() : ".";
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end && names.size() < 10000;
       entry.increment(ignored)) {
    names.push_back(entry->path().filename().string());
  }
  return suggestion(missing.filename().string(), names);
}

}  // namespace

std::vector<Host> parse_hostfile(std::string_view text, std::string_view name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  HostfileParser parser(name);
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) parser.parse_line(line, ++number);
  return parser.finish();
}

std::vector<Host> parse_host_list(std::string_view list) {
  const Place place;
  std::vector<Host> hosts;
  std::size_t column = 1;
  for (const std::string_view entry : split(list, ',')) {
    if (trim(entry).empty()) place.fail(column, "expected a host, as in -H h1:2,h2");
    Host host = parse_host(place, {entry, column});
    const auto twin =
        std::find_if(hosts.begin(), hosts.end(), [&](const Host& other) { return other.name == host.name; });
    if (twin != hosts.end()) {
      place.fail(column, fmt::format("the host '{}' is listed twice: write {}:{} once", host.name, host.name,
                                     twin->slots + host.slots));
    }
    hosts.push_back(std::move(host));
    column += entry.size() + 1;
  }
  return hosts;
}

std::vector<Host> read_hostfile(const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(ErrorKind::kConfiguration, "cannot read the hostfile '" + path + "': " + reason);
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) refuse("it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int cause = errno;
    refuse(std::strerror(cause) + (cause == ENOENT ? similar_file(path) : ""));
  }
  std::string text;
  std::array<char, 65536> chunk{};
  while (text.size() <= kMaxHostfileBytes && (file.read(chunk.data(), chunk.size()), file.gcount() > 0)) {
    text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) refuse(std::strerror(errno));
  if (text.size() > kMaxHostfileBytes) {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("the hostfile '{}' is larger than {} bytes", path, kMaxHostfileBytes));
  }
  return parse_hostfile(text, path);
}

}  // namespace bosen::launch
