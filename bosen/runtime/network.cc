#include "bosen/runtime/network.h"

#include <algorithm>
#include <limits>

namespace bosen::runtime {

Network::Network(const Options& options, Platform& platform, net::Transport& transport, Deliver deliver,
                 OnFailure on_failure)
    : options_(options),
      platform_(platform),
      transport_(transport),
      deliver_(std::move(deliver)),
      on_failure_(std::move(on_failure)) {
  for (int rank = 0; rank < options.processes; ++rank) {
    peers_.push_back(std::make_unique<Peer>(options));
  }
}

Network::~Network() = default;

void Network::send(Rank peer, wire::Envelope envelope) {
  Peer& to = *peers_[static_cast<std::size_t>(peer)];
  std::vector<wire::Frame> frames;
  const std::lock_guard lock(to.mutex);
  const std::size_t before = to.link.backlog_bytes();
  to.link.send(std::move(envelope), now(), frames);
  count_backlog(to, before);
  transmit(peer, frames);
}

core::TimeNs Network::tick() {
  core::TimeNs next = std::numeric_limits<core::TimeNs>::max();
  for (Rank rank = 0; rank < options_.processes; ++rank) {
    if (rank != options_.rank) next = std::min(next, tick(rank));
  }
  return next;
}

core::TimeNs Network::tick(Rank peer) {
  Peer& to = *peers_[static_cast<std::size_t>(peer)];
  std::vector<wire::Frame> frames;
  const std::lock_guard lock(to.mutex);
  const std::uint64_t before = to.link.retransmissions();
  to.link.tick(now(), frames);
  sent_again_.fetch_add(to.link.retransmissions() - before, std::memory_order_relaxed);
  transmit(peer, frames);
  return to.link.deadline().value_or(std::numeric_limits<core::TimeNs>::max());
}

void Network::step(net::ReceivedFrame received) {
  Peer& peer = *peers_[static_cast<std::size_t>(received.peer)];
  std::vector<wire::Frame> frames;
  std::vector<wire::Envelope> delivered;
  {
    const std::lock_guard lock(peer.mutex);
    const std::size_t waiting = peer.link.backlog_bytes();
    const std::uint64_t again = peer.link.retransmissions();
    peer.link.step(std::move(received.frame), now(), delivered, frames);
    count_backlog(peer, waiting);
    sent_again_.fetch_add(peer.link.retransmissions() - again, std::memory_order_relaxed);
    transmit(received.peer, frames);
  }
  deliver_(delivered);
}

void Network::transmit(Rank peer, std::vector<wire::Frame>& frames) {
  for (wire::Frame& frame : frames) transport_.send(peer, std::move(frame));
}

void Network::count_backlog(Peer& peer, std::size_t before) {
  const std::size_t after = peer.link.backlog_bytes();
  peer.is_behind.store(after > 0);
  backlog_bytes_.fetch_add(after - before, std::memory_order_relaxed);
}

}  // namespace bosen::runtime
