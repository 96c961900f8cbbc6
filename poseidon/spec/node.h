#pragma once

// The YAML values of nets, solvers and data descriptions.

#include <limits>

#include "bosen/spec_node.h"

namespace poseidon {

using Node = bosen::SpecNode;
using Fields = bosen::SpecFields;
using Range = bosen::SpecRange;

/// Numbers that devices compute with: beyond these a float would be infinite.
inline constexpr double kFloatMax = std::numeric_limits<float>::max();
inline constexpr Range kFloats{-kFloatMax, kFloatMax};
inline constexpr Range kFloatsFrom0{0, kFloatMax};

}  // namespace poseidon
