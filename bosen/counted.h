#pragma once

// Numbers of things in messages: bosen::counted.

#include "bosen/base/counted.h"  // IWYU pragma: export
