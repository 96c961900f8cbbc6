#pragma once

// A peer that speaks ZMTP 3.0 (rfc.zeromq.org/spec/23) on a plain socket, and so can send what no library of ours
// would.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace bosen::test {

class ZmtpPeer {
 public:
  /// Connects to "tcp://127.0.0.1:PORT" and sends nothing yet.
  explicit ZmtpPeer(const std::string& address);
  ~ZmtpPeer();
  ZmtpPeer(const ZmtpPeer&) = delete;
  ZmtpPeer& operator=(const ZmtpPeer&) = delete;

  /// Introduces itself as a DEALER of that name.
  void shake_hands(const std::string& routing_id);
  /// One message in these parts.
  void send_message(const std::vector<std::vector<std::byte>>& parts);
  /// Bytes as they are.
  void send_bytes(const std::string& bytes);

  /// Whether the other side has ended the connection, or does so within a minute. What it has sent is passed over.
  [[nodiscard]] bool hung_up();

 private:
  std::string receive_bytes(std::size_t count);
  void send_frame(char flags, std::span<const std::byte> body);

  int socket_ = -1;
};

/// The routing id under which a process of the sample job connects.
std::string sample_routing_id(int rank);

}  // namespace bosen::test
