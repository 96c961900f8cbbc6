#pragma once

// What `bosen check` runs on every host, at the other end of ssh. It opens a port, and does what it is told on stdin
// until that ends. Its answers are reports as in ssh.h, on stdout:
//
//   (at first)                 agent VERSION PORT TOKEN    a greeter listens at PORT
//   time                       time MICROSECONDS           since 1970
//   connect HOST:PORT TOKEN    reached HOST:PORT MICROSECONDS
//                              unreached HOST:PORT WHY

#include <cstddef>
#include <functional>
#include <istream>
#include <string>
#include <string_view>

namespace bosen::launch {

/// How long an agent tries to reach another host.
inline constexpr double kAgentConnectSeconds = 3;

/// How many it tries at a time.
inline constexpr std::size_t kAgentConnectionsMax = 32;

/// Serves stdin until it ends; returns the exit code.
int run_preflight_agent(const std::string& nonce);

/// The answer to one line; empty for a line that is no command. Blocks at most kAgentConnectSeconds.
std::string answer_as_agent(std::string_view line);

/// Answers all lines until they end, each in a thread of its own: what one of them waits for holds up no other.
/// `report` is called by one thread at a time.
void answer_side_by_side(std::istream& lines, const std::function<void(const std::string&)>& report);

}  // namespace bosen::launch
