#include "tests/support/zmtp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "bosen/wire/byte_order.h"
#include "tests/support/wire_samples.h"

namespace bosen::test {
namespace {

constexpr char kMore = 1;
constexpr char kLong = 2;
constexpr char kCommand = 4;
constexpr std::size_t kGreetingBytes = 64;

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string property(const std::string& name, const std::string& value) {
  std::string text(1, static_cast<char>(name.size()));
  return text + name + std::string(3, '\0') + static_cast<char>(value.size()) + value;
}

}  // namespace

ZmtpPeer::ZmtpPeer(const std::string& address) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    throw std::runtime_error(std::string("ZmtpPeer: connect: ") + std::strerror(errno));
  }
}

ZmtpPeer::~ZmtpPeer() { ::close(socket_); }

void ZmtpPeer::shake_hands(const std::string& routing_id) {
  std::string greeting = "\xFF" + std::string(8, '\0') + "\x7F\x03" + std::string(1, '\0') + "NULL";
  greeting.resize(kGreetingBytes, '\0');
  send_bytes(greeting);
  send_frame(kCommand, bytes_of("\x05READY" + property("Socket-Type", "DEALER") + property("Identity", routing_id)));
  // A message that comes before the other side has said READY too breaks the protocol.
  receive_bytes(kGreetingBytes);
  const std::string header = receive_bytes(2);
  receive_bytes(static_cast<unsigned char>(header.back()));
}

void ZmtpPeer::send_message(const std::vector<std::vector<std::byte>>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) send_frame(i + 1 < parts.size() ? kMore : 0, parts[i]);
}

void ZmtpPeer::send_frame(char flags, std::span<const std::byte> body) {
  std::string bytes(1, static_cast<char>(flags | kLong));
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>((body.size() >> shift) & 0xFF);
  bytes.append(reinterpret_cast<const char*>(body.data()), body.size());
  send_bytes(bytes);
}

void ZmtpPeer::send_bytes(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the other side has had enough
    sent += static_cast<std::size_t>(count);
  }
}

bool ZmtpPeer::hung_up() {
  pollfd ready{socket_, POLLIN, 0};
  while (::poll(&ready, 1, 60'000) > 0) {
    char passed_over[256];
    if (::recv(socket_, passed_over, sizeof passed_over, 0) <= 0) return true;
  }
  return false;
}

std::string ZmtpPeer::receive_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::recv(socket_, bytes.data(), count, MSG_WAITALL) != static_cast<ssize_t>(count)) {
    throw std::runtime_error("ZmtpPeer: the other side shook no hands");
  }
  return bytes;
}

std::string sample_routing_id(int rank) {
  std::string id = "R" + std::string(12, '\0');
  auto* bytes = reinterpret_cast<std::byte*>(id.data());
  wire::store_little_endian(bytes + 1, static_cast<std::uint32_t>(rank));
  wire::store_little_endian(bytes + 5, kJob);
  return id;
}

}  // namespace bosen::test
