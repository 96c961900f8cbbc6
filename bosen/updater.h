#pragma once

// Updaters: bosen::UpdaterOptions, and bosen::Updater to write one.

#include "bosen/base/updater.h"  // IWYU pragma: export
