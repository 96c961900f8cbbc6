#pragma once

// Errors as users see them: bosen::Error, bosen::ErrorKind.

#include "bosen/base/error.h"  // IWYU pragma: export
