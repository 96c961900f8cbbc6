#include "poseidon/spec/utf8.h"

#include <nlohmann/json.hpp>

namespace poseidon {

bool is_utf8(const std::string& text) {
  // Other bytes are replaced, so that the text is another one.
  const std::string json = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(json) == text;
}

}  // namespace poseidon
