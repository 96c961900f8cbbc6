#include "bosen/monitor/event_log.h"

#include <fcntl.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "bosen/base/error.h"
#include "bosen/base/json.h"
#include "bosen/monitor/json_text.h"

namespace bosen::monitor {
namespace {

using Json = nlohmann::ordered_json;  // fields stay in the order in which they are written here

Json to_object(const std::vector<std::pair<std::string, ConfigValue>>& configuration) {
  Json object = Json::object();
  for (const auto& [name, value] : configuration) {
    std::visit([&, &key = name](const auto& held) { object[key] = held; }, value);
  }
  return object;
}

[[noreturn]] void refuse_metrics(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::kStorage,
              "cannot write metrics file '" + path + "': " + reason + "; name another with --metrics");
}

int open_for_appending(const std::string& path, OpenMode mode) {
  const int truncates = mode == OpenMode::kTruncate ? O_TRUNC : 0;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncates, 0644);
  if (file < 0) refuse_metrics(path, std::strerror(errno));
  return file;
}

}  // namespace

std::string to_json(const StartEvent& event) {
  Json json;
  json["event"] = "start";
  json["program"] = event.program;
  json["version"] = event.version;
  json["rank"] = event.rank;
  json["ranks"] = event.ranks;
  json["workers"] = event.workers;
  json["host"] = event.host;
  json["configuration"] = to_object(event.configuration);
  return dump_json(json);
}

std::string to_json(const EvalEvent& event) {
  Json json;
  json["event"] = "eval";
  json["clock"] = event.clock;
  json["time_s"] = rounded(event.time_s);
  for (const auto& [name, value] : event.measures) json[name] = value;
  return dump_json(json);
}

std::string to_json(const ClockEvent& event) {
  Json json;
  json["event"] = "clock";
  json["rank"] = event.rank;
  json["clock"] = event.clock;
  json["time_s"] = rounded(event.time_s);
  json["compute_s"] = rounded(event.compute_s);
  json["wait_s"] = rounded(event.wait_s);
  json["bytes_sent"] = event.bytes_sent;
  json["bytes_received"] = event.bytes_received;
  if (event.staleness) json["staleness"] = *event.staleness;
  return dump_json(json);
}

std::string to_json(const EndEvent& event) {
  Json json;
  json["event"] = "end";
  json["wall_s"] = rounded(event.wall_s);
  json["clocks"] = event.clocks;
  json["workers"] = event.workers;
  json["compute_s"] = rounded(event.compute_s);
  json["wait_s"] = rounded(event.wait_s);
  json["reads"] = event.reads;
  json["misses"] = event.misses;
  json["bytes_sent"] = event.bytes_sent;
  json["bytes_received"] = event.bytes_received;
  for (const auto& [name, value] : event.measures) json[name] = value;
  Json histogram = Json::object();
  for (const auto& [differential, count] : event.staleness_histogram) histogram[std::to_string(differential)] = count;
  json["staleness_histogram"] = std::move(histogram);
  if (event.slowest) {
    json["slowest"] = {{"worker", event.slowest->worker},
                       {"rank", event.slowest->rank},
                       {"compute_s", rounded(event.slowest->compute_s)},
                       {"times_median", rounded(event.slowest->times_median)},
                       {"others_wait_s", rounded(event.slowest->others_wait_s)}};
  }
  return dump_json(json);
}

EventLog::EventLog(const std::string& path, OpenMode mode, LostFile lost)
    : path_(path), lost_(std::move(lost)), file_(open_for_appending(path, mode)) {}

void EventLog::start(const StartEvent& event) {
  const std::string reason = file_.append(to_json(event) + '\n');
  if (!reason.empty()) refuse_metrics(path_, reason);
}

void EventLog::write(const std::string& json) {
  const std::string reason = file_.append(json + '\n');
  if (!reason.empty() && lost_) {
    lost_("cannot write metrics file '" + path_ + "': " + reason + "; the run goes on, its later metrics are lost");
  }
}

}  // namespace bosen::monitor
