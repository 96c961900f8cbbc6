#pragma once

// How numbers become JSON that people and programs read.

#include <cmath>

namespace bosen::monitor {

/// To a millionth.
inline double rounded(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace bosen::monitor
