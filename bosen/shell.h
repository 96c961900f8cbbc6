#pragma once

// What a command that a message names needs for paths with blanks: bosen::shell_word.

#include "bosen/base/shell.h"  // IWYU pragma: export
