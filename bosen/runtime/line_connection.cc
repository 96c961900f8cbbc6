#include "bosen/runtime/line_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "bosen/base/error.h"

namespace bosen::runtime {
namespace {

/// Bytes that wait for one peer; a peer that lets more pile up doesn't read and is cut off.
constexpr std::size_t kUnsentBytesMax = std::size_t{64} << 20;
constexpr std::size_t kReadBytes = std::size_t{16} << 10;

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// strerror is not thread-safe.
std::string reason(int error) { return std::system_category().message(error); }

/// What the name in `address` stands for; none, and why, where there is none.
AddressList resolve(const Address& address, int flags, std::string& problem) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) {
    problem = "host name '" + address.host + "': " + ::gai_strerror(error);
    found = nullptr;
  }
  return {found, &::freeaddrinfo};
}

/// Binds and listens; an empty descriptor and errno where the system refuses.
Descriptor try_listen(int family, const sockaddr* address, socklen_t size) {
  Descriptor fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  const int on = 1;
  // A port whose last job has just ended is free.
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
  if (family == AF_INET6) {
    const int off = 0;
    static_cast<void>(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)));
  }
  if (::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    const int error = errno;
    fd = Descriptor();
    errno = error;
  }
  return fd;
}

Descriptor listen_on_all_interfaces(std::uint16_t port) {
  sockaddr_in6 both{};
  both.sin6_family = AF_INET6;
  both.sin6_addr = in6addr_any;
  both.sin6_port = htons(port);
  Descriptor fd = try_listen(AF_INET6, reinterpret_cast<const sockaddr*>(&both), sizeof(both));
  if (fd || errno == EADDRINUSE || errno == EACCES) return fd;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(port);
  return try_listen(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

[[noreturn]] void cannot_listen(const Address& address, int error) {
  const std::string where = "rank 0 cannot listen at " + to_string(address) + ": ";
  if (error == EADDRINUSE) {
    throw Error(ErrorKind::kNetwork,
                where + "the port is in use by another program; end that program ('ss -ltnp' shows it) " +
                    "or choose another port with BOSEN_COORDINATOR=HOST:PORT");
  }
  if (error == EACCES) {
    throw Error(ErrorKind::kNetwork,
                where + "permission denied; choose a port above 1023 with BOSEN_COORDINATOR=HOST:PORT");
  }
  throw Error(ErrorKind::kNetwork, where + reason(error));
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    throw Error(ErrorKind::kNetwork, "getsockname: " + reason(errno));
  }
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

TcpListener listen_at(const Address& wanted) {
  const Address literal{wanted.host == "localhost" ? "127.0.0.1" : wanted.host, wanted.port};
  std::string not_an_address;
  const AddressList address = resolve(literal, AI_NUMERICHOST, not_an_address);
  Descriptor fd;
  if (address) {
    fd = try_listen(address->ai_family, address->ai_addr, address->ai_addrlen);
    // An address that leads here without being this machine's own, as behind address translation.
    if (!fd && errno == EADDRNOTAVAIL) fd = listen_on_all_interfaces(wanted.port);
  } else {
    fd = listen_on_all_interfaces(wanted.port);
  }
  if (!fd) cannot_listen(wanted, errno);
  const std::uint16_t port = port_of(fd.get());
  return {std::move(fd), port};
}

Descriptor accept_from(int listener) {
  return Descriptor(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

TcpConnector::TcpConnector(const Address& to) {
  const AddressList found = resolve(to, 0, problem_);
  for (const addrinfo* address = found.get(); address != nullptr; address = address->ai_next) {
    if (address->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress& copy = addresses_.emplace_back();
    std::memcpy(&copy.storage, address->ai_addr, address->ai_addrlen);
    copy.size = address->ai_addrlen;
  }
}

TcpConnector::~TcpConnector() = default;

TcpConnector::State TcpConnector::start() {
  while (next_ < addresses_.size()) {
    const SocketAddress& address = addresses_[next_++];
    fd_ = Descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd_ && ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) {
      return State::kConnected;
    }
    if (fd_ && (errno == EINPROGRESS || errno == EINTR)) return State::kConnecting;
    problem_ = reason(errno);
    fd_ = Descriptor();
  }
  return State::kFailed;
}

TcpConnector::State TcpConnector::step() {
  if (!fd_) return start();
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    problem_ = reason(error);
    return start();
  }
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof(peer);
  const bool connected = ::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
  return connected ? State::kConnected : State::kConnecting;
}

TcpConnector::State TcpConnector::skip() {
  problem_ = reason(ETIMEDOUT);
  return start();
}

LineConnection::LineConnection(Descriptor fd, std::size_t line_bytes_max)
    : fd_(std::move(fd)), line_bytes_max_(line_bytes_max) {
  const int on = 1;
  static_cast<void>(::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

void LineConnection::send(std::shared_ptr<const std::string> bytes) {
  unsent_bytes_ += bytes->size();
  unsent_.push_back(std::move(bytes));
  // Reading then finds the end of the connection.
  if (unsent_bytes_ > kUnsentBytesMax) ::shutdown(fd_.get(), SHUT_RDWR);
  flush();
}

void LineConnection::flush() {
  while (!unsent_.empty()) {
    const std::string& first = *unsent_.front();
    const ssize_t sent = ::send(fd_.get(), first.data() + sent_of_first_, first.size() - sent_of_first_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) {
      // Reading finds the end of the connection, after the peer's last lines.
      unsent_.clear();
      unsent_bytes_ = sent_of_first_ = 0;
      return;
    }
    sent_of_first_ += static_cast<std::size_t>(sent);
    unsent_bytes_ -= static_cast<std::size_t>(sent);
    if (sent_of_first_ < first.size()) continue;
    unsent_.pop_front();
    sent_of_first_ = 0;
  }
}

bool LineConnection::read() {
  if (!ended_because_.empty()) return false;
  std::array<char, kReadBytes> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
  const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
  if (got > 0) {
    received_.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
  if (got == 0) {
    ended_because_ = "connection closed";
  } else {
    ended_because_ = errno == ECONNRESET ? "connection reset" : reason(errno);
  }
  return false;
}

bool LineConnection::next_line(std::string& line) {
  const std::size_t end = received_.find('\n', scanned_);
  const bool complete = end != std::string::npos;
  const std::size_t length = (complete ? end + 1 : received_.size()) - taken_;
  if (length > line_bytes_max_) {
    ended_because_ = "a line longer than " + std::to_string(line_bytes_max_) + " bytes";
    received_.clear();
    taken_ = scanned_ = 0;
    return false;
  }
  if (!complete) {
    received_.erase(0, taken_);
    taken_ = 0;
    scanned_ = received_.size();
    return false;
  }
  line.assign(received_, taken_, length - 1);
  taken_ = scanned_ = end + 1;
  return true;
}

}  // namespace bosen::runtime
