#pragma once

// JSON from text and to text. The templates of nlohmann/json that do it take up to two seconds to compile, so they are
// compiled here, once for all of bosen.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace bosen {

/// A discarded value, in which nothing is found, where `text` is no JSON.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);

/// The same with the members of objects in the order of the text.
[[nodiscard]] nlohmann::ordered_json parse_ordered_json(std::string_view text);

/// On one line, or on several, indented by so many spaces a level. Bytes that are no UTF-8 are replaced, as a host's
/// name or a measure's may hold anything.
[[nodiscard]] std::string dump_json(const nlohmann::json& json, int indent = -1);
[[nodiscard]] std::string dump_json(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace bosen
