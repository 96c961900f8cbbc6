#pragma once

// TCP with time limits: what the launcher's own small protocols need. Every call is safe from any thread; a Connection
// belongs to one thread at a time.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "bosen/base/address.h"
#include "bosen/launch/unique_fd.h"

struct addrinfo;

namespace bosen::launch {

using Deadline = std::chrono::steady_clock::time_point;

/// The deadline that lies `seconds` ahead; at most a year, so that no arithmetic overflows.
Deadline deadline_after(double seconds);

/// Milliseconds until `deadline` for poll(): 0 when it has passed, rounded up otherwise.
int poll_timeout_ms(Deadline deadline);

/// A listening socket at a port that the system picked. It does not block.
struct Listener {
  UniqueFd fd;
  std::uint16_t port = 0;
};

enum class ListenOn { kLoopback, kAllInterfaces };

/// Throws Error(kNetwork) where the system has no port to give.
Listener listen_tcp(ListenOn where);

/// The next connection that waits at `listener`, which does not block; empty where none waits.
UniqueFd accept_tcp(int listener);

/// A connection to the first of a host's addresses that takes one. They are tried in their order, a later one beside
/// those before it once these have had a moment: where packets to one are lost, only the deadline would end it. None
/// where none did by `deadline`; `error` then says why: ETIMEDOUT, or what the last one said.
UniqueFd connect_to_any(const addrinfo* addresses, Deadline deadline, int& error);

/// One connection that talks in lines.
class Connection {
 public:
  /// Throws Error(kNetwork) where `address` cannot be reached, Error(kTimeout) where it has not answered by `deadline`.
  Connection(const Address& address, Deadline deadline);

  /// Sends all of `bytes`. Throws Error(kNetwork) where the peer has gone.
  void send(std::string_view bytes, Deadline deadline);

  enum class ReadResult { kLine, kClosed, kTimeout };

  /// Waits for the next line and stores it without its end. A peer that sends more than kMaxRendezvousLine bytes
  /// without an end counts as closed.
  ReadResult read_line(std::string& line, Deadline deadline);

 private:
  Address address_;
  UniqueFd fd_;
  std::string received_;
};

}  // namespace bosen::launch
