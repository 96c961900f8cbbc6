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
  std::string problem;      ///< why it cannot be used: one line; empty if it can
};

struct HostRoutes {
  std::vector<HostRoute> routes;  ///< one for each host
  [[nodiscard]] bool all_local() const;
  /// The problems of all hosts, a line each.
  [[nodiscard]] std::string problems() const;
};

/// Looks up every host. A host without a name is this one. Blocks as long as the system's name service does.
HostRoutes find_routes(const std::vector<Host>& hosts);

}  // namespace bosen::launch
