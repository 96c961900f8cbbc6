#include "bosen/base/json.h"

#include <nlohmann/json.hpp>

namespace bosen {
namespace {

template <class Json>
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace

nlohmann::json parse_json(std::string_view text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
  return nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string dump_json(const nlohmann::json& json, int indent) { return dump(json, indent); }

std::string dump_json(const nlohmann::ordered_json& json, int indent) { return dump(json, indent); }

}  // namespace bosen
