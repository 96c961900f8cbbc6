#pragma once

// What an app can say to somebody who mistyped a name: bosen::suggestion.

#include "bosen/base/suggestion.h"  // IWYU pragma: export
