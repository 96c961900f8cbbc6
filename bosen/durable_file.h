#pragma once

// Files that are on the disk, whole, or not at all: bosen::DurableFile.

#include "bosen/base/durable_file.h"  // IWYU pragma: export
