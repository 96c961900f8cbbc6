#pragma once

// A proxy on loopback that stands between two processes and cuts their connections when told to. It has one thread of
// its own; all functions may be called by any thread.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bosen::test {

/// The beginning of a ZMTP frame of 2^62 bytes.
inline constexpr std::string_view kFrameBeyondAllMemory{"\x02\x40\0\0\0\0\0\0\0", 9};

class TcpProxy {
 public:
  /// Listens on a port that the system picks, and forwards to `target` ("tcp://127.0.0.1:PORT").
  explicit TcpProxy(const std::string& target);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  /// Where to connect to instead of the target.
  [[nodiscard]] std::string address() const;
  /// Forwards nothing any more: what the processes send piles up.
  void stall();
  /// Closes all connections; new ones are accepted as before.
  void cut();
  /// Sends bytes to those who have connected, as if they came from the target.
  void send_to_clients(std::string bytes);
  /// Connections accepted since the start.
  [[nodiscard]] int accepted() const { return accepted_.load(); }

 private:
  struct Connection {
    int client = -1;
    int server = -1;
  };

  void run(const std::stop_token& stop);
  void accept_connection();
  void write_to_clients();
  void close_all();
  static bool forward(int from, int to);
  void tell_thread() const;

  std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int command_fd_ = -1;
  std::atomic<bool> stalled_{false};
  std::atomic<bool> cut_requested_{false};
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::string to_clients_;               // guarded by mutex_
  std::vector<Connection> connections_;  // the thread's
  std::jthread thread_;
};

}  // namespace bosen::test
