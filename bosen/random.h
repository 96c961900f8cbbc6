#pragma once

// Random numbers that are the same on every machine: see bosen/base/random.h.

#include "bosen/base/random.h"  // IWYU pragma: export
