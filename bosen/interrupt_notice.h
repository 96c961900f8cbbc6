#pragma once

// What a person reads who ends a job by Ctrl-C: bosen::InterruptNotice.

#include "bosen/base/interrupt_notice.h"  // IWYU pragma: export
