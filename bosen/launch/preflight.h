#pragma once

// Looks at the hosts of a job before anything starts: are they known, does ssh get in, is the same bosen there, can
// they open ports to each other, and how far apart are they in time and space. Single-threaded; blocks.

#include <optional>
#include <string>
#include <vector>

#include "bosen/launch/hostfile.h"
#include "bosen/launch/ssh.h"

namespace bosen::launch {

struct PreflightRequest {
  std::vector<Host> hosts;
  SshSettings ssh;
  std::string program;    ///< path of `bosen`, here and there
  double timeout_s = 30;  ///< how long a host may take to start its agent
};

/// What is known about one host.
struct HostReport {
  Host host;
  bool local = false;                 ///< this host
  bool connected = false;             ///< a shell was reached
  std::string version;                ///< of its bosen; empty where there is none
  std::optional<bool> ports_open;     ///< whether every connection that was tried came through; nothing: none was tried
  std::optional<double> latency_s;    ///< to open a connection from there to here
  std::optional<double> skew_s;       ///< its clock less ours
  std::vector<std::string> problems;  ///< a line each, with how to mend it
};

/// Checks all hosts at once, in the order of the request. Says on stderr what it waits for when that takes long.
std::vector<HostReport> check_hosts(const PreflightRequest& request);

/// The reports as a table for a person.
std::string format_table(const std::vector<HostReport>& reports);

}  // namespace bosen::launch
