#pragma once

#include <string>

namespace poseidon {

/// Whether the text is UTF-8, as the files that name layers and classes have to be.
[[nodiscard]] bool is_utf8(const std::string& text);

}  // namespace poseidon
