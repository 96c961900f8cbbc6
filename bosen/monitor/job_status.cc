#include "bosen/monitor/job_status.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bosen/base/json.h"
#include "bosen/monitor/json_text.h"

namespace bosen::monitor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kPhaseNames{"starting", "running", "ended"};

Json to_object(const WorkerStatus& worker, const std::vector<WorkerId>& waits_for) {
  Json json;
  json["worker"] = worker.worker;
  json["clock"] = worker.clock;
  json["compute_s"] = rounded(worker.compute_s);
  json["wait_s"] = rounded(worker.wait_s);
  json["computing_s"] = rounded(worker.computing_s);
  json["state"] = to_string(worker.state);
  json["waiting_s"] = rounded(worker.waiting_s);
  json["waits_for"] = waits_for;
  json["reads"] = worker.reads;
  json["misses"] = worker.misses;
  return json;
}

Json to_object(const ShardStatus& shard) {
  Json json;
  json["shard"] = shard.shard;
  json["rows"] = shard.rows;
  json["updates"] = shard.updates;
  json["reads"] = shard.reads;
  json["parked"] = shard.parked;
  return json;
}

Json to_object(const ProcessView& process) {
  Json json;
  json["rank"] = process.rank;
  json["host"] = process.host;
  json["pid"] = process.pid;
  json["age_s"] = rounded(process.age_s);
  json["bytes_sent"] = process.bytes_sent;
  json["bytes_received"] = process.bytes_received;
  json["sent_per_s"] = std::round(process.sent_per_s);
  json["received_per_s"] = std::round(process.received_per_s);
  json["workers"] = Json::array();
  for (std::size_t i = 0; i < process.workers.size(); ++i) {
    json["workers"].push_back(to_object(process.workers[i], process.waits_for[i]));
  }
  json["shards"] = Json::array();
  for (const ShardStatus& shard : process.shards) json["shards"].push_back(to_object(shard));
  return json;
}

Json to_object(const Evaluation& evaluation) {
  Json json;
  json["clock"] = evaluation.clock;
  json["time_s"] = rounded(evaluation.time_s);
  json["measures"] = Json::object();
  for (const auto& [name, value] : evaluation.measures) json["measures"][name] = value;
  return json;
}

Json to_object(const SlowestWorker& slowest) {
  Json json;
  json["worker"] = slowest.worker;
  json["rank"] = slowest.rank;
  json["compute_s"] = rounded(slowest.compute_s);
  json["times_median"] = rounded(slowest.times_median);
  json["others_wait_s"] = rounded(slowest.others_wait_s);
  return json;
}

}  // namespace

std::string_view to_string(JobPhase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

std::string to_json(const JobStatus& status) {
  Json json;
  json["program"] = status.program;
  json["version"] = status.version;
  json["phase"] = to_string(status.phase);
  json["time_s"] = rounded(status.time_s);
  json["ranks"] = status.ranks;
  json["clocks"] = status.clocks;
  json["clock_least"] = status.clock_least;
  json["clock_most"] = status.clock_most;
  json["slowest"] = status.slowest ? to_object(*status.slowest) : Json();
  json["processes"] = Json::array();
  for (const ProcessView& process : status.processes) json["processes"].push_back(to_object(process));
  json["evaluations"] = Json::array();
  for (const Evaluation& evaluation : status.evaluations) json["evaluations"].push_back(to_object(evaluation));
  return dump_json(json);
}

}  // namespace bosen::monitor
