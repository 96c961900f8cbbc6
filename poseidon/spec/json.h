#pragma once

// JSON from text and to text. The templates of nlohmann/json that do it take up to two seconds to compile, so they are
// compiled here, once for all of poseidon.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace poseidon {

/// A discarded value, in which nothing is found, where `text` is no JSON.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);

/// On one line, or on several, indented by so many spaces a level. Bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string dump_json(const nlohmann::json& json, int indent = -1);
[[nodiscard]] std::string dump_json(const nlohmann::ordered_json& json, int indent = -1);

/// A text as a string of JSON, in quotes.
[[nodiscard]] std::string quoted_json(std::string_view text);

}  // namespace poseidon
