#pragma once

// How the hosts of a job are reached from here: which is this host, which need ssh, and by what names and addresses
// they all see each other.

#include <string>
#include <vector>

#include "bosen/launch/hostfile.h"

namespace bosen::launch {

struct HostRoute {
  bool local = false;       ///< this host: no ssh
  std::string peer_name;    ///< how the job's other processes name the host
  std::string our_address;  ///< where that host reaches us
};

struct HostRoutes {
  std::vector<HostRoute> routes;      ///< one for each host, where there are no problems
  std::vector<std::string> problems;  ///< a line for each host that is not known
  [[nodiscard]] bool all_local() const;
};

/// Looks up every host. A host without a name is this one. Blocks as long as the system's name service does.
HostRoutes find_routes(const std::vector<Host>& hosts);

}  // namespace bosen::launch
