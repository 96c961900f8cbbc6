#include "bosen/launch/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/launch/limits.h"

namespace bosen::launch {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// How long an address has been tried when the next is tried beside it, as RFC 8305 has it (section 5).
constexpr std::chrono::milliseconds kHeadStart{250};

/// strerror is not thread-safe.
std::string reason(int error) { return std::system_category().message(error); }

AddressList resolve(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) {
    throw Error(ErrorKind::kNetwork, "the host '" + address.host + "' is not known: " + ::gai_strerror(error));
  }
  return {found, &::freeaddrinfo};
}

/// Waits until `fd` is ready for `events`; false once `deadline` has passed.
bool wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, poll_timeout_ms(deadline));
    if (ready > 0) return true;
    if (ready == 0 && std::chrono::steady_clock::now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) throw Error(ErrorKind::kNetwork, "poll: " + reason(errno));
  }
}

/// Begins to connect; none, and why, where the system refuses at once.
UniqueFd begin_connecting(const addrinfo& address, int& error) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd && (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR)) {
    return fd;
  }
  error = errno;
  return {};
}

/// What became of a connection that poll() calls ready: 0, or why there is none.
int connecting_error(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/// Waits until one of them is connected, or has failed and is forgotten, or `until`. Returns the one that is connected.
UniqueFd wait_for_one(std::vector<UniqueFd>& connecting, Deadline until, int& error) {
  std::vector<pollfd> polled;
  for (const UniqueFd& fd : connecting) polled.push_back({fd.get(), POLLOUT, 0});
  if (::poll(polled.data(), polled.size(), poll_timeout_ms(until)) < 0) {
    if (errno == EINTR) return {};
    throw Error(ErrorKind::kNetwork, "poll: " + reason(errno));
  }
  for (std::size_t i = polled.size(); i-- > 0;) {
    if (polled[i].revents == 0) continue;
    const int failed = connecting_error(polled[i].fd);
    if (failed == 0) return std::move(connecting[i]);
    error = failed;
    connecting.erase(connecting.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

UniqueFd bind_and_listen(int family, ListenOn where) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (family == AF_INET6) {
    const int off = 0;
    if (::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) return {};
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
    size = sizeof(sockaddr_in6);
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(where == ListenOn::kLoopback ? INADDR_LOOPBACK : INADDR_ANY);
    size = sizeof(sockaddr_in);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) return {};
  if (::listen(fd.get(), SOMAXCONN) != 0) return {};
  return fd;
}

}  // namespace

Deadline deadline_after(double seconds) {
  constexpr double kYear = 365.0 * 86400.0;
  const std::chrono::duration<double> wait(std::clamp(seconds, 0.0, kYear));
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<Deadline::duration>(wait);
}

int poll_timeout_ms(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

Listener listen_tcp(ListenOn where) {
  // One socket for both families where the machine has IPv6, else IPv4 alone.
  UniqueFd fd;
  if (where == ListenOn::kAllInterfaces) fd = bind_and_listen(AF_INET6, where);
  if (!fd) fd = bind_and_listen(AF_INET, where);
  if (!fd) throw Error(ErrorKind::kNetwork, "cannot open a TCP port on this host: " + reason(errno));
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    throw Error(ErrorKind::kNetwork, "getsockname: " + reason(errno));
  }
  const in_port_t port = bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                                     : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
  return {std::move(fd), ntohs(port)};
}

UniqueFd accept_tcp(int listener) {
  return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

UniqueFd connect_to_any(const addrinfo* addresses, Deadline deadline, int& error) {
  const addrinfo* next = addresses;
  std::vector<UniqueFd> connecting;
  Deadline next_start = std::chrono::steady_clock::now();
  while (next != nullptr || !connecting.empty()) {
    const Deadline now = std::chrono::steady_clock::now();
    if (next != nullptr && (connecting.empty() || now >= next_start)) {
      UniqueFd fd = begin_connecting(*next, error);
      if (fd) connecting.push_back(std::move(fd));
      next = next->ai_next;
      next_start = now + kHeadStart;
      continue;
    }
    UniqueFd connected = wait_for_one(connecting, next == nullptr ? deadline : std::min(deadline, next_start), error);
    if (connected) return connected;
    if (std::chrono::steady_clock::now() >= deadline) {
      error = ETIMEDOUT;
      return {};
    }
  }
  return {};
}

Connection::Connection(const Address& address, Deadline deadline) : address_(address) {
  int error = 0;
  fd_ = connect_to_any(resolve(address).get(), deadline, error);
  if (!fd_) {
    const ErrorKind kind = error == ETIMEDOUT ? ErrorKind::kTimeout : ErrorKind::kNetwork;
    throw Error(kind, "cannot connect to " + to_string(address) + ": " + reason(error));
  }
  const int on = 1;
  static_cast<void>(::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

void Connection::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd_.get(), POLLOUT, deadline)) {
        throw Error(ErrorKind::kTimeout, to_string(address_) + " takes no bytes");
      }
    } else if (errno != EINTR) {
      throw Error(ErrorKind::kNetwork, "sending to " + to_string(address_) + ": " + reason(errno));
    }
  }
}

Connection::ReadResult Connection::read_line(std::string& line, Deadline deadline) {
  for (;;) {
    const std::size_t end = received_.find('\n');
    if (end != std::string::npos) {
      line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return ReadResult::kLine;
    }
    if (received_.size() > kMaxRendezvousLine) return ReadResult::kClosed;
    if (!wait_for(fd_.get(), POLLIN, deadline)) return ReadResult::kTimeout;
    std::array<char, kMaxRendezvousLine> chunk{};
    const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (got > 0) {
      received_.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      return ReadResult::kClosed;
    }
  }
}

}  // namespace bosen::launch
