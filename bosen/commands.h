#pragma once

// Programs of several commands: bosen::run_program.

#include "bosen/base/commands.h"  // IWYU pragma: export
