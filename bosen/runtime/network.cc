#include "bosen/runtime/network.h"

#include <algorithm>
#include <chrono>

#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long the receiving thread sleeps when nothing is due.
constexpr core::TimeNs kIdleNs = 100'000'000;

core::TimeNs now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch()).count();
}

SteadyClock::time_point at(core::TimeNs time) { return SteadyClock::time_point(std::chrono::nanoseconds(time)); }

}  // namespace

Network::Network(const Options& options, net::Transport& transport, Deliver deliver)
    : options_(options), transport_(transport), deliver_(std::move(deliver)) {
  for (int rank = 0; rank < options.processes; ++rank) {
    peers_.push_back(std::make_unique<Peer>(options.job, options.epoch));
  }
}

void Network::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { receive_all(stop); });
}

Network::~Network() { stop(); }

void Network::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  transport_.wake();
  thread_.join();
}

void Network::send(Rank peer, wire::Envelope envelope) {
  Peer& to = *peers_[static_cast<std::size_t>(peer)];
  std::vector<wire::Frame> frames;
  const std::lock_guard lock(to.mutex);
  const std::size_t before = to.link.waiting_bytes();
  to.link.send(std::move(envelope), now_ns(), frames);
  count_waiting(before, to.link.waiting_bytes());
  transmit(peer, frames);
}

bool Network::idle() {
  return std::all_of(peers_.begin(), peers_.end(), [](const std::unique_ptr<Peer>& peer) {
    const std::lock_guard lock(peer->mutex);
    return peer->link.unacknowledged() == 0;
  });
}

void Network::receive_all(const std::stop_token& stop) {
  core::TimeNs next_tick = now_ns();
  while (!stop.stop_requested()) {
    if (std::optional<net::ReceivedFrame> received = transport_.receive(at(next_tick))) step(std::move(*received));
    const core::TimeNs now = now_ns();
    if (now >= next_tick) next_tick = tick(now);
  }
}

core::TimeNs Network::tick(core::TimeNs now) {
  core::TimeNs next = now + kIdleNs;
  for (std::size_t rank = 0; rank < peers_.size(); ++rank) {
    if (static_cast<Rank>(rank) == options_.rank) continue;
    Peer& peer = *peers_[rank];
    std::vector<wire::Frame> frames;
    const std::lock_guard lock(peer.mutex);
    peer.link.tick(now, frames);
    transmit(static_cast<Rank>(rank), frames);
    if (const auto deadline = peer.link.deadline()) next = std::min(next, *deadline);
  }
  // An acknowledgement that becomes due meanwhile may be late by as much.
  return std::max(next, now + limits::kAcknowledgeDelayNs);
}

void Network::step(net::ReceivedFrame received) {
  Peer& peer = *peers_[static_cast<std::size_t>(received.peer)];
  std::vector<wire::Frame> frames;
  std::vector<wire::Envelope> delivered;
  {
    const std::lock_guard lock(peer.mutex);
    const std::size_t before = peer.link.waiting_bytes();
    peer.link.step(std::move(received.frame), now_ns(), delivered, frames);
    count_waiting(before, peer.link.waiting_bytes());
    transmit(received.peer, frames);
  }
  deliver_(delivered);
}

void Network::transmit(Rank peer, std::vector<wire::Frame>& frames) {
  for (wire::Frame& frame : frames) transport_.send(peer, std::move(frame));
}

void Network::count_waiting(std::size_t before, std::size_t after) {
  waiting_bytes_.fetch_add(after - before, std::memory_order_relaxed);
}

}  // namespace bosen::runtime
