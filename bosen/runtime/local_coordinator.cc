#include "bosen/runtime/local_coordinator.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "bosen/base/error.h"

namespace bosen::runtime {
namespace {

using PeerId = JobCoordinator::PeerId;

/// Marks the listener among epoll's events: no peer's number, as it is our own process's.
constexpr PeerId kListenerTag = JobCoordinator::kSelf;
/// Descriptors that rank 0 needs for other things than its peers.
constexpr rlim_t kSpareDescriptors = 128;
constexpr int kAcceptsAtOnce = 1024;
constexpr int kEventRoundsAtOnce = 64;

void control(int epoll, int operation, int fd, std::uint32_t events, PeerId tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll, operation, fd, &event) == 0) return;
  throw Error(ErrorKind::kNetwork, "epoll_ctl: " + std::system_category().message(errno));
}

void check_descriptors(int size) {
  const rlim_t needed = static_cast<rlim_t>(size) + kSpareDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  throw Error(ErrorKind::kConfiguration, "rank 0 of a job of " + std::to_string(size) + " processes needs " +
                                             std::to_string(needed) + " open files, but may have " +
                                             std::to_string(limit.rlim_cur) + "; raise the limit with 'ulimit -n " +
                                             std::to_string(needed) + "'");
}

}  // namespace

LocalCoordinator::LocalCoordinator(TcpListener listener, const JobCoordinator::Options& options, const Hello& own,
                                   std::int64_t now_ns)
    : coordinator_(options, now_ns), listener_(std::move(listener)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  check_descriptors(options.size);
  if (!epoll_) throw Error(ErrorKind::kNetwork, "epoll_create1: " + std::system_category().message(errno));
  watch_listener(true);
  send(own, now_ns);
}

void LocalCoordinator::watch(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({epoll_.get(), POLLIN, 0});
}

std::int64_t LocalCoordinator::next_deadline_ns() const { return coordinator_.next_deadline_ns(); }

bool LocalCoordinator::ended(std::int64_t now_ns) const { return to_self_.empty() && coordinator_.finished(now_ns); }

void LocalCoordinator::send(const ControlMessage& message, std::int64_t now_ns) {
  JobCoordinator::Output output;
  coordinator_.step(JobCoordinator::kSelf, message, now_ns, output);
  carry_out(output);
}

void LocalCoordinator::serve(std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  serve_ready(now_ns);
  if (now_ns >= coordinator_.next_deadline_ns()) {
    JobCoordinator::Output output;
    coordinator_.tick(now_ns, output);
    carry_out(output);
    watch_listener(true);
  }
  inbox.insert(inbox.end(), to_self_.begin(), to_self_.end());
  to_self_.clear();
}

void LocalCoordinator::serve_ready(std::int64_t now_ns) {
  std::array<epoll_event, 256> events{};
  // Everything that has arrived is handed over before anybody's silence is judged.
  for (int round = 0; round < kEventRoundsAtOnce; ++round) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < ready; ++i) {
      const PeerId tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == kListenerTag) {
        accept_all(now_ns);
      } else {
        serve_peer(tag, now_ns);
      }
    }
    if (ready <= 0) return;
  }
}

void LocalCoordinator::accept_all(std::int64_t now_ns) {
  JobCoordinator::Output output;
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    Descriptor fd = accept_from(listener_.fd.get());
    if (!fd) {
      // Out of descriptors: without this the listener would stay ready and the thread would spin.
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED) watch_listener(false);
      break;
    }
    const PeerId id = next_id_++;
    const int number = fd.get();
    peers_.emplace(id, Peer{LineConnection(std::move(fd), kControlLineBytesMax)});
    control(epoll_.get(), EPOLL_CTL_ADD, number, EPOLLIN, id);
    coordinator_.connected(id, now_ns, output);
  }
  carry_out(output);
}

void LocalCoordinator::serve_peer(PeerId id, std::int64_t now_ns) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.connection.flush();
  watch_room(id, peer);
  JobCoordinator::Output output;
  const bool open = peer.connection.read();
  std::string line;
  while (output.drops.empty() && peer.connection.next_line(line)) {
    if (const auto message = decode(line)) {
      coordinator_.step(id, *message, now_ns, output);
    } else {
      coordinator_.reject(id, "sent what is no line of bosen's job control", now_ns, output);
    }
  }
  const std::string& end = peer.connection.ended_because();
  if (open && !end.empty()) coordinator_.reject(id, "sent " + end, now_ns, output);
  if (!open) coordinator_.closed(id, end, now_ns, output);
  carry_out(output);
}

void LocalCoordinator::carry_out(const JobCoordinator::Output& output) {
  for (const JobCoordinator::Output::Send& send : output.sends) {
    std::shared_ptr<const std::string> line;
    for (const PeerId id : send.to) {
      if (id == JobCoordinator::kSelf) {
        to_self_.push_back(send.message);
        continue;
      }
      if (!line) line = std::make_shared<const std::string>(encode(send.message));
      send_to(id, line);
    }
  }
  for (const PeerId id : output.drops) peers_.erase(id);
}

void LocalCoordinator::send_to(PeerId id, const std::shared_ptr<const std::string>& line) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  found->second.connection.send(line);
  watch_room(id, found->second);
}

void LocalCoordinator::watch_room(PeerId id, Peer& peer) {
  if (peer.awaits_room == peer.connection.has_unsent()) return;
  peer.awaits_room = peer.connection.has_unsent();
  const std::uint32_t events = peer.awaits_room ? EPOLLIN | EPOLLOUT : EPOLLIN;
  control(epoll_.get(), EPOLL_CTL_MOD, peer.connection.fd(), events, id);
}

void LocalCoordinator::watch_listener(bool on) {
  if (on == listening_) return;
  listening_ = on;
  control(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_.fd.get(), EPOLLIN, kListenerTag);
}

}  // namespace bosen::runtime
