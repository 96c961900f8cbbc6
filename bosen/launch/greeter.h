#pragma once

// A port that says who it is, so that a connection to it proves that the way is open and that it is ours which
// answered. `bosen check` opens one on every host. The greeter's own thread serves it; all calls are safe from any
// thread.

#include <cstdint>
#include <string>
#include <thread>

#include "bosen/base/address.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

class Greeter {
 public:
  /// Opens a port on all interfaces and starts to serve it. Throws Error(kNetwork).
  Greeter();
  ~Greeter();
  Greeter(const Greeter&) = delete;
  Greeter& operator=(const Greeter&) = delete;

  [[nodiscard]] std::uint16_t port() const { return listener_.port; }
  /// What a connection is greeted with.
  [[nodiscard]] const std::string& token() const { return token_; }

 private:
  void serve();

  std::string token_;
  Listener listener_;
  UniqueFd stop_read_;  ///< readable when the greeter ends
  UniqueFd stop_write_;
  std::jthread thread_;
};

/// Connects to the greeter at `address` and returns how long the connection took, in seconds. Throws Error where it
/// cannot be reached by `deadline`, or where somebody else answers.
double greet(const Address& address, const std::string& token, Deadline deadline);

}  // namespace bosen::launch
