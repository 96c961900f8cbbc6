#pragma once

// Everything an app needs.

#include "bosen/app.h"
#include "bosen/channel.h"
#include "bosen/cluster.h"
#include "bosen/commands.h"
#include "bosen/consistency.h"
#include "bosen/counted.h"
#include "bosen/durable_file.h"
#include "bosen/error.h"
#include "bosen/options.h"
#include "bosen/priority_scheduler.h"
#include "bosen/random.h"
#include "bosen/row.h"
#include "bosen/say.h"
#include "bosen/shell.h"
#include "bosen/spec_node.h"
#include "bosen/suggestion.h"
#include "bosen/table.h"
#include "bosen/traffic.h"
#include "bosen/updater.h"
#include "bosen/worker.h"
