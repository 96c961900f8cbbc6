#pragma once

// The sockets of the rendezvous: owned by the supervisor, driven by its loop, single-threaded. It never blocks.
// Strangers, garbage and silent connections are dropped. Of connections that have not spoken yet, as many as the job
// has processes and kMaxStrangers more are kept: all processes may connect before one of them speaks, and strangers
// cannot keep the job out.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "bosen/launch/rendezvous.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

class RendezvousServer {
 public:
  /// Starts to listen. Throws Error(kNetwork).
  RendezvousServer(const std::string& job, int size, ListenOn where);

  [[nodiscard]] std::uint16_t port() const { return listener_.port; }

  /// Becomes readable when serve() has work.
  [[nodiscard]] int poll_fd() const { return epoll_.get(); }

  /// Accepts, reads, answers and drops whatever is due, without blocking. Call it when poll_fd() is readable, and now
  /// and then.
  void serve(std::chrono::steady_clock::time_point now);

  /// Tells everybody who still waits that the job cannot start.
  void fail_waiting(const std::string& why);

  [[nodiscard]] RendezvousTable& table() { return table_; }
  [[nodiscard]] const RendezvousTable& table() const { return table_; }

  /// Connections that were dropped as they did not belong to the job.
  [[nodiscard]] std::uint64_t strangers_dropped() const { return strangers_dropped_; }

 private:
  struct Peer {
    UniqueFd fd;
    std::string received;
    std::chrono::steady_clock::time_point since;
    bool known = false;  ///< has named the job's token and waits for rank 0
  };

  void accept_all(std::chrono::steady_clock::time_point now);
  /// False when the peer is to be closed.
  bool read(Peer& peer, std::chrono::steady_clock::time_point now);
  bool answer(Peer& peer, std::chrono::steady_clock::time_point now);
  void drop_strangers(std::chrono::steady_clock::time_point now);
  void answer_waiting(const std::string& line);

  RendezvousTable table_;
  const std::size_t strangers_max_;
  Listener listener_;
  UniqueFd epoll_;
  std::map<std::uint64_t, Peer> peers_;  ///< by order of arrival, so the first stranger is the oldest
  std::uint64_t next_peer_ = 1;          ///< 0 marks the listener
  std::uint64_t strangers_dropped_ = 0;
};

}  // namespace bosen::launch
