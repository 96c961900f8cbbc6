#pragma once

#include <functional>
#include <string>

#include "bosen/base/types.h"

namespace bosen::runtime {

/// Where a process stands in its job.
struct JobSpec {
  Rank rank = 0;
  int size = 1;
  int servers = 0;        ///< how many of the last ranks are dedicated servers; all processes must say the same
  std::string job;        ///< token shared by the job's processes
  double timeout_s = 60;  ///< how long joining may take
  /// Rank 0: where to listen ("host:port", port 0: the system picks one). Others: where rank 0 listens, asked for once
  /// and allowed to block for timeout_s.
  std::string listen;
  std::function<std::string()> find_coordinator;
  /// Rank 0: told the address that was bound. May block; empty where the others know the address.
  std::function<void(const std::string&)> publish_coordinator;
  /// Told, a line at a time, for whom this process has waited for long; called by the control thread. Empty: stderr.
  std::function<void(const std::string&)> notice;
};

}  // namespace bosen::runtime
