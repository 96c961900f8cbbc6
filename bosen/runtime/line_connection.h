#pragma once

// TCP sockets that never block and talk in lines: what job control is made of. A LineConnection and a TcpConnector
// belong to one thread. Every descriptor is closed on exec, and no peer can raise SIGPIPE.

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/address.h"

namespace bosen::runtime {

/// A descriptor with one owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  /// -1 where there is none.
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A listening socket and the port that it got.
struct TcpListener {
  Descriptor fd;
  std::uint16_t port = 0;
};

/// Listens at `wanted`: on that address alone where the host is an address of this machine or "localhost", else on
/// all interfaces, as a host's own name often resolves to an address that others can't reach. Throws Error(kNetwork).
TcpListener listen_at(const Address& wanted);

/// The next connection that waits at `listener`; empty where none waits.
Descriptor accept_from(int listener);

/// One try to connect to a host: each of its addresses in turn.
class TcpConnector {
 public:
  /// Resolves the host's name, which may block as long as the system's resolver does.
  explicit TcpConnector(const Address& to);
  ~TcpConnector();
  TcpConnector(const TcpConnector&) = delete;
  TcpConnector& operator=(const TcpConnector&) = delete;

  enum class State { kConnecting, kConnected, kFailed };
  /// Goes on without blocking; to be called again when fd() is writable.
  State step();
  /// Gives up the address at hand for the next one.
  State skip();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The connected socket.
  Descriptor take() { return std::move(fd_); }
  /// Why the last address failed, e.g. "Connection refused".
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  State start();

  struct SocketAddress {
    sockaddr_storage storage;
    socklen_t size;
  };
  std::vector<SocketAddress> addresses_;
  std::size_t next_ = 0;  ///< of addresses_
  Descriptor fd_;
  std::string problem_;
};

/// A connected socket. Lines that arrived before an end or an error of the connection can still be taken after it.
class LineConnection {
 public:
  /// Takes a connected socket. Lines that arrive have at most `line_bytes_max` bytes, their ends included.
  LineConnection(Descriptor fd, std::size_t line_bytes_max);

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Sends `bytes` as soon as the socket takes them. They are shared, as the same line often goes to everybody.
  void send(std::shared_ptr<const std::string> bytes);
  /// Sends what the socket takes now.
  void flush();
  /// Whether something waits until the socket is writable.
  [[nodiscard]] bool has_unsent() const { return !unsent_.empty(); }

  /// Reads some of what is there. False once nothing more will come.
  bool read();
  /// Takes the next line, without its end, into `line`; false where none is complete.
  bool next_line(std::string& line);
  /// Why nothing more will come: "connection closed", "connection reset", ...; empty before.
  [[nodiscard]] const std::string& ended_because() const { return ended_because_; }

 private:
  Descriptor fd_;
  std::size_t line_bytes_max_;
  std::string received_;
  std::size_t taken_ = 0;    ///< bytes of received_ that next_line gave away
  std::size_t scanned_ = 0;  ///< bytes of received_ known to have no further line end
  std::deque<std::shared_ptr<const std::string>> unsent_;
  std::size_t unsent_bytes_ = 0;
  std::size_t sent_of_first_ = 0;  ///< bytes of unsent_.front() that are sent
  std::string ended_because_;
};

}  // namespace bosen::runtime
