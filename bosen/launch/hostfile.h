#pragma once

// Hosts as people write them: hostfiles and the -H list. Parsing is pure: text in, hosts or an Error out.
//
// Forms of a line, told apart line by line; "#" starts a comment, blank lines and CRLF are fine:
//   gnode1                 one slot
//   gnode1:4               four slots; also [::1]:4
//   gnode1 slots=4         four slots; max_slots is read and ignored
//   0 10.0.0.1 9999        Petuum's: id, host, port; one slot a line, a host may have several; the port is not used
// A host may have a user in front: ann@gnode1.

#include <string>
#include <string_view>
#include <vector>

namespace bosen::launch {

/// A host that may run processes of the job.
struct Host {
  std::string name;   ///< name or address, without brackets
  std::string user;   ///< whom ssh logs in as; empty: ssh decides
  int slots = 1;      ///< how many processes it may run
  std::string where;  ///< where it was named, for messages: "hosts.txt:3:1" or "-H:7"
};

/// The hosts of a hostfile, in its order (by id where every line has Petuum's form). Throws Error(kConfiguration) with
/// "name:line:column: what is wrong".
std::vector<Host> parse_hostfile(std::string_view text, std::string_view name);

/// The hosts of "h1:2,h2,[::1]:4". Throws Error(kUsage) with "-H:column: what is wrong".
std::vector<Host> parse_host_list(std::string_view list);

/// Reads and parses the file at `path`. Throws Error(kConfiguration), naming a file with a similar name where there is
/// one.
std::vector<Host> read_hostfile(const std::string& path);

}  // namespace bosen::launch
