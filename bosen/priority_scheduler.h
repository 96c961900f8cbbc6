#pragma once

// Which variables of a model to update next: bosen::PriorityScheduler.

#include "bosen/schedule/priority_scheduler.h"  // IWYU pragma: export
