#pragma once

// What a program tells people on stderr: bosen::say.

#include "bosen/base/streams.h"  // IWYU pragma: export
