#include "poseidon/spec/utf8.h"

#include <nlohmann/json.hpp>

#include "poseidon/spec/json.h"

namespace poseidon {

bool is_utf8(const std::string& text) {
  // Other bytes are replaced, so that the text is another one.
  const std::string json = quoted_json(text);
  return parse_json(json) == text;
}

}  // namespace poseidon
