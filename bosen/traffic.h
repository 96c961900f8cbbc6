#pragma once

// What tables and channels cost on the network: bosen::Traffic.

#include "bosen/base/traffic.h"  // IWYU pragma: export
