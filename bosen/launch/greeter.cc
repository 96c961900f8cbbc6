#include "bosen/launch/greeter.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bosen/base/error.h"
#include "bosen/launch/token.h"

namespace bosen::launch {

Greeter::Greeter() : token_(random_token()), listener_(listen_tcp(ListenOn::kAllInterfaces)) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kNetwork, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  stop_read_.reset(ends[0]);
  stop_write_.reset(ends[1]);
  thread_ = std::jthread([this] { serve(); });
}

Greeter::~Greeter() { stop_write_.reset(); }

void Greeter::serve() {
  const std::string greeting = token_ + "\n";
  for (;;) {
    std::array<pollfd, 2> polled = {{{listener_.fd.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    const UniqueFd peer = accept_tcp(listener_.fd.get());
    if (peer) static_cast<void>(::send(peer.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

double greet(const Address& address, const std::string& token, Deadline deadline) {
  const auto before = std::chrono::steady_clock::now();
  Connection connection(address, deadline);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  std::string line;
  if (connection.read_line(line, deadline) != Connection::ReadResult::kLine || line != token) {
    throw Error(ErrorKind::kNetwork, "something else answers at " + to_string(address));
  }
  return took.count();
}

}  // namespace bosen::launch
