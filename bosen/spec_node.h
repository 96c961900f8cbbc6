#pragma once

// YAML values that know where they stand: see bosen/base/spec_node.h.

#include "bosen/base/spec_node.h"  // IWYU pragma: export
