#pragma once

#include <string>

#include "bosen/base/options.h"
#include "bosen/core/updaters/row_updater.h"
#include "bosen/runtime/job_spec.h"

namespace bosen::runtime {

/// What a process is told when it starts.
struct ProcessSpec {
  Options options;
  JobSpec job;
  std::string host = "127.0.0.1";  ///< name by which other processes reach this host
  core::UpdaterCatalog updaters;
};

}  // namespace bosen::runtime
