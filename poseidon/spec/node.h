#pragma once

// The YAML values of nets, solvers and data descriptions.

#include "bosen/spec_node.h"

namespace poseidon {

using Node = bosen::SpecNode;
using Fields = bosen::SpecFields;
using Range = bosen::SpecRange;

}  // namespace poseidon
