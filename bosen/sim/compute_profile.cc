#include "bosen/sim/compute_profile.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "bosen/base/error.h"

namespace bosen::sim {
namespace {

/// Sums over the processes.
struct ClockSum {
  double seconds = 0;
  int processes = 0;
};

}  // namespace

// An event covers the clocks since the process's previous one, by all workers of the process.
std::vector<double> read_compute_profile(const std::string& path, double scale) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::kConfiguration, "'" + path + "' " + problem + ": give a file that --metrics wrote");
  };
  std::ifstream file(path);
  if (!file) refuse("cannot be read");
  double workers = 0;
  std::map<std::int64_t, std::int64_t> last_clock;  // by rank
  std::map<std::int64_t, ClockSum> sums;            // by clock
  for (std::string line; std::getline(file, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object()) refuse("has a line that is no JSON object");
    const std::string kind = event.value("event", "");
    if (kind == "start") workers = event.value("workers", 0.0);
    if (kind != "clock") continue;
    const std::int64_t clock = event.value("clock", std::int64_t{0});
    std::int64_t& before = last_clock[event.value("rank", std::int64_t{0})];
    if (clock <= before) continue;
    const double each = event.value("compute_s", 0.0) / static_cast<double>(clock - before);
    for (std::int64_t covered = before; covered < clock; ++covered) {
      sums[covered].seconds += each;
      ++sums[covered].processes;
    }
    before = clock;
  }
  if (sums.empty() || workers < 1) refuse("has no clock events");
  const double workers_each = workers / static_cast<double>(last_clock.size());
  std::vector<double> profile;
  for (const auto& [clock, sum] : sums) profile.push_back(1e9 * scale * sum.seconds / sum.processes / workers_each);
  return profile;
}

}  // namespace bosen::sim
