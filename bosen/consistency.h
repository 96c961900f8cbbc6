#pragma once

// Consistency models: bosen::Consistency.

#include "bosen/base/consistency.h"  // IWYU pragma: export
