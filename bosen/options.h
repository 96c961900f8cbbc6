#pragma once

// Options of a job, a table and a channel: bosen::Options, bosen::TableOptions, bosen::ChannelOptions.

#include "bosen/base/options.h"  // IWYU pragma: export
