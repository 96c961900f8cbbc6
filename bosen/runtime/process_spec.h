#pragma once

#include <string>
#include <vector>

#include "bosen/base/options.h"
#include "bosen/core/updaters/row_updater.h"
#include "bosen/runtime/job_spec.h"
#include "bosen/store/checkpoint_file.h"

namespace bosen::runtime {

/// What a process is told when it starts.
struct ProcessSpec {
  std::string program;  ///< whose checkpoints the process makes and takes
  Options options;
  JobSpec job;
  std::string host = "127.0.0.1";  ///< name by which other processes reach this host
  core::UpdaterCatalog updaters;
  std::vector<store::CheckpointId> usable = {};  ///< checkpoints from which this process can go on
};

}  // namespace bosen::runtime
