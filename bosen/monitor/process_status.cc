#include "bosen/monitor/process_status.h"

#include <array>
#include <nlohmann/json.hpp>

#include "bosen/base/json.h"

namespace bosen::monitor {
namespace {

using Json = nlohmann::ordered_json;

/// Bytes of evaluations in an encoded status.
constexpr std::size_t kEvaluationBytesMax = 14'000;

constexpr std::array<std::string_view, 6> kStateNames{"computing",    "reading",  "at a barrier",
                                                      "on a channel", "finished", "held back"};

Json to_array(const WorkerStatus& worker) {
  return Json::array({worker.worker, worker.clock, worker.compute_s, worker.wait_s, static_cast<int>(worker.state),
                      worker.waiting_s, worker.needed, worker.reads, worker.misses, worker.computing_s,
                      worker.barriers});
}

WorkerStatus worker_of(const Json& array) {
  WorkerStatus worker{.worker = array.at(0).get<WorkerId>(),
                      .clock = array.at(1).get<Clock>(),
                      .compute_s = array.at(2).get<double>(),
                      .wait_s = array.at(3).get<double>()};
  const int state = array.at(4).get<int>();
  if (state < 0 || state >= static_cast<int>(kStateNames.size())) throw std::out_of_range("state");
  worker.state = static_cast<WorkerState>(state);
  worker.waiting_s = array.at(5).get<double>();
  worker.needed = array.at(6).get<Clock>();
  worker.reads = array.at(7).get<std::int64_t>();
  worker.misses = array.at(8).get<std::int64_t>();
  worker.computing_s = array.at(9).get<double>();
  worker.barriers = array.at(10).get<std::int64_t>();
  return worker;
}

Json to_array(const ShardStatus& shard) {
  return Json::array({shard.shard, shard.rows, shard.updates, shard.reads, shard.parked});
}

ShardStatus shard_of(const Json& array) {
  return {.shard = array.at(0).get<ShardId>(),
          .rows = array.at(1).get<std::int64_t>(),
          .updates = array.at(2).get<std::int64_t>(),
          .reads = array.at(3).get<std::int64_t>(),
          .parked = array.at(4).get<std::int64_t>()};
}

Json to_array(const Evaluation& evaluation) {
  Json measures = Json::array();
  for (const auto& [name, value] : evaluation.measures) measures.push_back(Json::array({name, value}));
  return Json::array({evaluation.clock, evaluation.time_s, std::move(measures)});
}

Evaluation evaluation_of(const Json& array) {
  Evaluation evaluation{.clock = array.at(0).get<Clock>(), .time_s = array.at(1).get<double>()};
  for (const Json& measure : array.at(2)) {
    // What is not finite is written as null.
    if (!measure.at(1).is_null()) {
      evaluation.measures.emplace_back(measure.at(0).get<std::string>(), measure.at(1).get<double>());
    }
  }
  return evaluation;
}

/// How many of the first evaluations don't fit.
std::size_t too_many(const std::vector<Evaluation>& evaluations) {
  std::size_t bytes = 0;
  std::size_t first = evaluations.size();
  while (first > 0) {
    bytes += dump_json(to_array(evaluations[first - 1])).size() + 1;
    if (bytes > kEvaluationBytesMax) break;
    --first;
  }
  return first;
}

ProcessStatus status_of(const Json& json) {
  ProcessStatus status{.rank = json.at("rank").get<Rank>(),
                       .host = json.at("host").get<std::string>(),
                       .pid = json.at("pid").get<std::int64_t>(),
                       .taken_ms = json.at("taken_ms").get<std::int64_t>(),
                       .bytes_sent = json.at("bytes_sent").get<std::int64_t>(),
                       .bytes_received = json.at("bytes_received").get<std::int64_t>()};
  for (const Json& worker : json.at("workers")) status.workers.push_back(worker_of(worker));
  for (const Json& shard : json.at("shards")) status.shards.push_back(shard_of(shard));
  status.evaluations_before = json.at("evaluations_before").get<std::int64_t>();
  for (const Json& evaluation : json.at("evaluations")) status.evaluations.push_back(evaluation_of(evaluation));
  return status;
}

}  // namespace

std::string_view to_string(WorkerState state) { return kStateNames[static_cast<std::size_t>(state)]; }

std::string encode(const ProcessStatus& status) {
  Json json;
  json["rank"] = status.rank;
  json["host"] = status.host;
  json["pid"] = status.pid;
  json["taken_ms"] = status.taken_ms;
  json["bytes_sent"] = status.bytes_sent;
  json["bytes_received"] = status.bytes_received;
  json["workers"] = Json::array();
  for (const WorkerStatus& worker : status.workers) json["workers"].push_back(to_array(worker));
  json["shards"] = Json::array();
  for (const ShardStatus& shard : status.shards) json["shards"].push_back(to_array(shard));
  const std::size_t skipped = too_many(status.evaluations);
  json["evaluations_before"] = status.evaluations_before + static_cast<std::int64_t>(skipped);
  json["evaluations"] = Json::array();
  for (std::size_t i = skipped; i < status.evaluations.size(); ++i) {
    json["evaluations"].push_back(to_array(status.evaluations[i]));
  }
  return dump_json(json);
}

std::optional<ProcessStatus> decode_process_status(std::string_view text) {
  const Json json = parse_ordered_json(text);
  if (!json.is_object()) return std::nullopt;
  try {
    return status_of(json);
  } catch (const std::exception&) {  // a field is missing, or of another type
    return std::nullopt;
  }
}

}  // namespace bosen::monitor
