#include "bosen/store/checkpoint_head.h"

#include <nlohmann/json.hpp>

#include "bosen/base/json.h"
#include "bosen/base/limits.h"
#include "bosen/base/version.h"

namespace bosen::store {
namespace {

using Json = nlohmann::json;

/// Grows with every change that an older build would misread.
constexpr int kFormat = 1;

Json encode(const wire::TableSpec& table) {
  return {{"name", table.name},
          {"kind", static_cast<int>(table.shape.kind)},
          {"element", static_cast<int>(table.shape.element)},
          {"width", table.shape.width},
          {"updater", table.updater.name}};
}

wire::TableSpec decode_table(const Json& json) {
  wire::TableSpec table;
  table.name = json.at("name").get<std::string>();
  table.shape.kind = RowKind{json.at("kind").get<std::uint8_t>()};
  table.shape.element = ElementType{json.at("element").get<std::uint8_t>()};
  table.shape.width = json.at("width").get<std::int64_t>();
  table.updater.name = json.at("updater").get<std::string>();
  return table;
}

bool makes_sense(const wire::RowShape& shape) {
  const bool is_element = shape.element >= ElementType::kFloat && shape.element <= ElementType::kInt64;
  if (!is_element) return false;
  if (shape.kind == RowKind::kSparse) return shape.width == 0;
  const auto width_max = static_cast<std::int64_t>(limits::kRowBytesMax / shape.element_bytes());
  return shape.kind == RowKind::kDense && shape.width >= 1 && shape.width <= width_max;
}

bool makes_sense(const CheckpointHead& head) {
  const auto processes = static_cast<std::size_t>(head.processes);
  if (head.processes < 1 || head.processes > limits::kProcessesMax || head.id.clock < 1) return false;
  if (head.rank < 0 || head.rank >= head.processes || head.workers.empty() || head.workers.size() > processes) {
    return false;
  }
  if (head.rank_of_shard.empty() || head.rank_of_shard.size() > std::size_t{limits::kShardsMax}) return false;
  for (const Rank rank : head.rank_of_shard) {
    if (rank < 0 || rank >= head.processes) return false;
  }
  for (const int workers : head.workers) {
    if (workers < 1 || workers > limits::kWorkersPerProcessMax) return false;
  }
  for (const wire::TableSpec& table : head.tables) {
    if (!makes_sense(table.shape)) return false;
  }
  return true;
}

}  // namespace

std::string encode(const CheckpointHead& head) {
  Json json{{"format", kFormat},           {"program", head.program}, {"version", kVersion},
            {"clock", head.id.clock},      {"job", head.id.job},      {"rank", head.rank},
            {"processes", head.processes}, {"workers", head.workers}, {"rank_of_shard", head.rank_of_shard},
            {"tables", Json::array()}};
  for (const wire::TableSpec& table : head.tables) json["tables"].push_back(encode(table));
  return dump_json(json);
}

std::optional<CheckpointHead> decode_head(const std::string& text) {
  try {
    const Json json = parse_json(text);
    if (json.at("format").get<int>() != kFormat) return std::nullopt;
    CheckpointHead head;
    head.program = json.at("program").get<std::string>();
    head.id = {json.at("clock").get<Clock>(), json.at("job").get<std::uint64_t>()};
    head.rank = json.at("rank").get<Rank>();
    head.processes = json.at("processes").get<int>();
    head.workers = json.at("workers").get<std::vector<int>>();
    head.rank_of_shard = json.at("rank_of_shard").get<std::vector<Rank>>();
    for (const Json& table : json.at("tables")) head.tables.push_back(decode_table(table));
    if (!makes_sense(head)) return std::nullopt;
    return head;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace bosen::store
