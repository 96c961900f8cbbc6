#include "bosen/launch/rendezvous_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bosen/base/error.h"
#include "bosen/launch/limits.h"

namespace bosen::launch {
namespace {

void watch(int epoll, int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw Error(ErrorKind::kNetwork, std::string("epoll_ctl: ") + std::strerror(errno));
  }
}

/// A line is far smaller than a fresh socket's buffer; whoever has filled his does not read, and is left alone.
bool send_line(int fd, const std::string& line) {
  return ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(line.size());
}

}  // namespace

RendezvousServer::RendezvousServer(const std::string& job, int size, ListenOn where)
    : table_(job, size),
      strangers_max_(kMaxStrangers + static_cast<std::size_t>(size)),
      listener_(listen_tcp(where)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw Error(ErrorKind::kNetwork, std::string("epoll_create1: ") + std::strerror(errno));
  watch(epoll_.get(), listener_.fd.get(), 0);
}

void RendezvousServer::serve(std::chrono::steady_clock::time_point now) {
  std::array<epoll_event, 64> events{};
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < ready; ++i) {
    const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
    if (tag == 0) {
      accept_all(now);
    } else if (const auto peer = peers_.find(tag); peer != peers_.end() && !read(peer->second, now)) {
      peers_.erase(peer);
    }
  }
  if (!table_.coordinator().empty()) answer_waiting("coordinator " + table_.coordinator() + "\n");
  drop_strangers(now);
}

void RendezvousServer::fail_waiting(const std::string& why) { answer_waiting("error " + why + "\n"); }

void RendezvousServer::answer_waiting(const std::string& line) {
  std::erase_if(peers_,
                [&](const auto& peer) { return peer.second.known && (send_line(peer.second.fd.get(), line), true); });
}

void RendezvousServer::accept_all(std::chrono::steady_clock::time_point now) {
  for (std::size_t accepted = 0; accepted < kMaxStrangers; ++accepted) {
    UniqueFd fd = accept_tcp(listener_.fd.get());
    if (!fd) return;
    watch(epoll_.get(), fd.get(), next_peer_);
    peers_.emplace(next_peer_++, Peer{std::move(fd), {}, now, false});
  }
}

bool RendezvousServer::read(Peer& peer, std::chrono::steady_clock::time_point now) {
  std::array<char, kMaxRendezvousLine> chunk{};
  const ssize_t got = ::recv(peer.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (got == 0) return false;
  if (peer.known) return true;  // it has asked already; whatever else it says is not read
  peer.received.append(chunk.data(), static_cast<std::size_t>(got));
  if (peer.received.find('\n') != std::string::npos) return answer(peer, now);
  if (peer.received.size() < kMaxRendezvousLine) return true;
  ++strangers_dropped_;
  return false;
}

bool RendezvousServer::answer(Peer& peer, std::chrono::steady_clock::time_point now) {
  const std::string_view line = std::string_view(peer.received).substr(0, peer.received.find('\n'));
  const RendezvousTable::Answer answer = table_.handle(line, now);
  if (answer.kind == RendezvousTable::Answer::Kind::kDrop) {
    ++strangers_dropped_;
    return false;
  }
  const bool sent = send_line(peer.fd.get(), answer.text);
  peer.known = sent && answer.kind == RendezvousTable::Answer::Kind::kWait;
  return peer.known;
}

void RendezvousServer::drop_strangers(std::chrono::steady_clock::time_point now) {
  std::size_t strangers = 0;
  for (const auto& [tag, peer] : peers_) strangers += peer.known ? 0 : 1;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    const bool expired = now - peer->second.since > kStrangerTime;
    if (peer->second.known || (!expired && strangers <= strangers_max_)) {
      ++peer;
      continue;
    }
    peer = peers_.erase(peer);
    --strangers;
    ++strangers_dropped_;
  }
}

}  // namespace bosen::launch
