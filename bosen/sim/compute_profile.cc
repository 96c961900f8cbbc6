#include "bosen/sim/compute_profile.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/base/json.h"

namespace bosen::sim {
namespace {

/// More than any run has; a file that names later ones is damaged.
constexpr double kClocksMax = 1e7;
constexpr double kNumberMax = 1e15;

/// A metrics file, event by event.
class EventReader {
 public:
  explicit EventReader(const std::string& path) : path_(path), file_(path) {
    if (!file_) refuse_file("cannot be read");
  }

  /// Goes to the next event; false at the end of the file.
  bool next() {
    std::string text;
    if (!std::getline(file_, text)) return false;
    ++line_;
    event_ = parse_json(text);
    if (!event_.is_object()) refuse("is no JSON object");
    return true;
  }

  [[nodiscard]] bool is(const char* kind) const {
    const auto found = event_.find("event");
    return found != event_.end() && *found == kind;
  }

  /// 0 where the event has no such key.
  [[nodiscard]] double number(const char* key, double most = kNumberMax) const {
    const auto found = event_.find(key);
    if (found == event_.end()) return 0;
    const double value = found->is_number() ? found->get<double>() : -1;
    if (value < 0 || value > most) refuse(fmt::format("'{}' must be a number from 0 to {:g}", key, most));
    return value;
  }

  /// The same of the configuration's.
  [[nodiscard]] double configured(const char* key) const {
    const auto configuration = event_.find("configuration");
    if (configuration == event_.end() || !configuration->is_object()) return 0;
    const auto found = configuration->find(key);
    return found != configuration->end() && found->is_number() ? found->get<double>() : 0;
  }

  [[noreturn]] void refuse_file(const std::string& problem) const {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("'{}' {}: give a file that --metrics wrote, of a run on one host", path_, problem));
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("{}:{}: {}: give a file that --metrics wrote", path_, line_, problem));
  }

  const std::string path_;
  std::ifstream file_;
  int line_ = 0;
  nlohmann::json event_;
};

}  // namespace

// An event covers the clocks since the process's previous one, by all workers of the process.
std::vector<std::vector<double>> read_compute_profile(const std::string& path, double scale) {
  EventReader events(path);
  double workers = 0;
  double own_workers = 0;                               // of each process
  std::map<std::int64_t, std::vector<double>> seconds;  // of all workers of a process, by rank and clock
  while (events.next()) {
    if (events.is("start")) {
      workers = events.number("workers");
      own_workers = events.configured("workers");
    }
    if (!events.is("clock")) continue;
    const auto clock = static_cast<std::size_t>(events.number("clock", kClocksMax));
    std::vector<double>& own = seconds[static_cast<std::int64_t>(events.number("rank"))];
    const double compute_s = events.number("compute_s");
    if (clock <= own.size()) continue;
    own.resize(clock, compute_s / static_cast<double>(clock - own.size()));
  }
  std::erase_if(seconds, [](const auto& process) { return process.second.empty(); });
  if (seconds.empty()) events.refuse_file("has no clock events");
  if (workers < 1) events.refuse_file("has no start event");
  if (own_workers > 0 && static_cast<double>(seconds.size()) * own_workers < workers) {
    events.refuse_file(fmt::format("has clocks of {} of {:.0f} processes, as each host writes those of its own",
                                   seconds.size(), workers / own_workers));
  }
  const double workers_each = workers / static_cast<double>(seconds.size());
  std::vector<std::vector<double>> profiles;
  for (auto& [rank, own] : seconds) {
    for (double& each : own) each *= 1e9 * scale / workers_each;
    profiles.push_back(std::move(own));
  }
  return profiles;
}

}  // namespace bosen::sim
