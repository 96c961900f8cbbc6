#pragma once

// One job at a time writes to a folder: bosen::FolderLock.

#include "bosen/base/folder_lock.h"  // IWYU pragma: export
