#include "bosen/launch/socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace bosen::launch {
namespace {

/// A port at 127.0.0.1 as one of a name's addresses.
struct LoopbackAddress {
  explicit LoopbackAddress(std::uint16_t port) {
    socket.sin_family = AF_INET;
    socket.sin_port = htons(port);
    socket.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    info.ai_family = AF_INET;
    info.ai_addr = reinterpret_cast<sockaddr*>(&socket);
    info.ai_addrlen = sizeof(socket);
  }
  LoopbackAddress(const LoopbackAddress&) = delete;
  LoopbackAddress& operator=(const LoopbackAddress&) = delete;

  sockaddr_in socket{};
  addrinfo info{};
};

/// A port that answers no more connections, nor refuses them: its queue is full.
class SilentPort {
 public:
  SilentPort() : listener_(listen_tcp(ListenOn::kLoopback)), address(listener_.port) {
    ::listen(listener_.fd.get(), 0);
    while (fill()) {
    }
  }

 private:
  bool fill() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int error = ::connect(fd.get(), address.info.ai_addr, address.info.ai_addrlen) == 0 ? 0 : errno;
    pollfd waiting{fd.get(), POLLOUT, 0};
    const bool taken = error == 0 || ::poll(&waiting, 1, 200) > 0;
    held_.push_back(std::move(fd));
    return taken;
  }

  Listener listener_;
  std::vector<UniqueFd> held_;

 public:
  LoopbackAddress address;
};

TEST(SocketTest, AnAddressThatNeverAnswersDoesNotKeepFromTheNext) {
  SilentPort silent;
  const Listener good = listen_tcp(ListenOn::kLoopback);
  LoopbackAddress next(good.port);
  silent.address.info.ai_next = &next.info;
  int error = 0;
  EXPECT_TRUE(connect_to_any(&silent.address.info, deadline_after(3600), error));
}

TEST(SocketTest, AnAddressThatRefusesDoesNotKeepFromTheNext) {
  LoopbackAddress refusing(listen_tcp(ListenOn::kLoopback).port);
  const Listener good = listen_tcp(ListenOn::kLoopback);
  LoopbackAddress next(good.port);
  refusing.info.ai_next = &next.info;
  int error = 0;
  EXPECT_TRUE(connect_to_any(&refusing.info, deadline_after(3600), error));
}

TEST(SocketTest, SaysWhyNoAddressAnswers) {
  SilentPort silent;
  int error = 0;
  EXPECT_FALSE(connect_to_any(&silent.address.info, deadline_after(0), error));
  EXPECT_EQ(error, ETIMEDOUT);
  const LoopbackAddress refusing(listen_tcp(ListenOn::kLoopback).port);
  EXPECT_FALSE(connect_to_any(&refusing.info, deadline_after(3600), error));
  EXPECT_EQ(error, ECONNREFUSED);
}

}  // namespace
}  // namespace bosen::launch
