#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace bosen::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void check(bool success, const char* what) {
  if (!success) throw std::runtime_error(std::string("TcpProxy: ") + what + ": " + std::strerror(errno));
}

}  // namespace

TcpProxy::TcpProxy(const std::string& target)
    : target_port_(static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)))) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  check(listener_ >= 0 && ::bind(listener_, generic, size) == 0 && ::listen(listener_, 16) == 0, "listen");
  check(::getsockname(listener_, generic, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  command_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  check(command_fd_ >= 0, "eventfd");
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TcpProxy::~TcpProxy() {
  thread_.request_stop();
  tell_thread();
  thread_.join();
  close_all();
  ::close(listener_);
  ::close(command_fd_);
}

std::string TcpProxy::address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

void TcpProxy::stall() {
  stalled_.store(true);
  tell_thread();
}

void TcpProxy::cut() {
  cut_requested_.store(true);
  tell_thread();
}

void TcpProxy::send_to_clients(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    to_clients_ = std::move(bytes);
  }
  tell_thread();
}

void TcpProxy::tell_thread() const {
  const std::uint64_t one = 1;
  check(::write(command_fd_, &one, sizeof one) == sizeof one, "eventfd write");
}

void TcpProxy::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> sources{{command_fd_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      const short awaited = stalled_.load() ? 0 : POLLIN;
      sources.push_back({connection.client, awaited, 0});
      sources.push_back({connection.server, awaited, 0});
    }
    ::poll(sources.data(), sources.size(), -1);
    if (sources[0].revents != 0) {
      std::uint64_t count = 0;
      static_cast<void>(::read(command_fd_, &count, sizeof count) == sizeof count);
    }
    if (cut_requested_.exchange(false)) {
      close_all();
      continue;
    }
    write_to_clients();
    bool open = true;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const Connection& connection = connections_[i];
      if (sources[2 + 2 * i].revents != 0) open = forward(connection.client, connection.server) && open;
      if (sources[3 + 2 * i].revents != 0) open = forward(connection.server, connection.client) && open;
    }
    if (!open) close_all();
    if (sources[1].revents != 0) accept_connection();
  }
}

void TcpProxy::accept_connection() {
  Connection connection;
  connection.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  connection.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(target_port_);
  if (::connect(connection.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(connection.client);
    ::close(connection.server);
    return;
  }
  connections_.push_back(connection);
  ++accepted_;
}

void TcpProxy::write_to_clients() {
  const std::lock_guard lock(mutex_);
  if (to_clients_.empty()) return;
  for (const Connection& connection : connections_) {
    const ssize_t sent = ::send(connection.client, to_clients_.data(), to_clients_.size(), MSG_NOSIGNAL);
    check(sent == static_cast<ssize_t>(to_clients_.size()), "send");
  }
  to_clients_.clear();
}

// False: one side has closed.
bool TcpProxy::forward(int from, int to) {
  std::array<char, 65536> bytes{};
  const ssize_t received = ::recv(from, bytes.data(), bytes.size(), 0);
  for (ssize_t sent = 0; sent < received;) {
    const ssize_t count = ::send(to, bytes.data() + sent, static_cast<std::size_t>(received - sent), MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += count;
  }
  return received > 0;
}

void TcpProxy::close_all() {
  for (const Connection& connection : connections_) {
    // Not politely: what is under way is lost, as when a cable is pulled.
    const linger at_once{1, 0};
    ::setsockopt(connection.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::setsockopt(connection.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(connection.client);
    ::close(connection.server);
  }
  connections_.clear();
}

}  // namespace bosen::test
