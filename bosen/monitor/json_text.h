#pragma once

// How numbers and texts become JSON that people and programs read.

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace bosen::monitor {

/// To a millionth.
inline double rounded(double value) { return std::round(value * 1e6) / 1e6; }

/// One line; bytes that are no UTF-8 are replaced, as a host's name or a measure's may hold anything.
template <class Json>
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bosen::monitor
