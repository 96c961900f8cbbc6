#pragma once

// Rank 0's sockets: serves the coordinator to the other processes, and to its own without a socket. Owned and driven by
// rank 0's control thread.

#include <cstdint>
#include <map>
#include <vector>

#include "bosen/runtime/coordinator_link.h"
#include "bosen/runtime/job_coordinator.h"
#include "bosen/runtime/line_connection.h"

namespace bosen::runtime {

class LocalCoordinator final : public CoordinatorLink {
 public:
  /// Admits rank 0's own process. Throws Error(kConfiguration) where it may not open a file for every process,
  /// Error(kNetwork) where the system refuses what else it needs.
  LocalCoordinator(TcpListener listener, const JobCoordinator::Options& options, const Hello& own, std::int64_t now_ns);

  void watch(std::vector<pollfd>& descriptors) const override;
  [[nodiscard]] std::int64_t next_deadline_ns() const override;
  void serve(std::int64_t now_ns, std::vector<ControlMessage>& inbox) override;
  void send(const ControlMessage& message, std::int64_t now_ns) override;
  [[nodiscard]] bool ended(std::int64_t now_ns) const override;

 private:
  struct Peer {
    LineConnection connection;
    bool awaits_room = false;  ///< epoll tells when the socket takes more
  };

  void serve_ready(std::int64_t now_ns);
  void accept_all(std::int64_t now_ns);
  void serve_peer(JobCoordinator::PeerId id, std::int64_t now_ns);
  void carry_out(const JobCoordinator::Output& output);
  void send_to(JobCoordinator::PeerId id, const std::shared_ptr<const std::string>& line);
  void watch_room(JobCoordinator::PeerId id, Peer& peer);
  void watch_listener(bool on);

  JobCoordinator coordinator_;
  TcpListener listener_;
  Descriptor epoll_;
  bool listening_ = false;  ///< whether epoll watches the listener
  std::map<JobCoordinator::PeerId, Peer> peers_;
  JobCoordinator::PeerId next_id_ = JobCoordinator::kSelf + 1;
  std::vector<ControlMessage> to_self_;
};

}  // namespace bosen::runtime
