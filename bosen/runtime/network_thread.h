#pragma once

// The thread that receives, acknowledges and sends again.

#include <thread>

#include "bosen/runtime/network.h"
#include "bosen/runtime/platform.h"

namespace bosen::runtime {

class NetworkThread final : public NetworkDriver {
 public:
  explicit NetworkThread(Network& network);
  /// Ends the thread; afterwards nothing is delivered any more.
  ~NetworkThread() override;
  NetworkThread(const NetworkThread&) = delete;
  NetworkThread& operator=(const NetworkThread&) = delete;

 private:
  void receive_all(const std::stop_token& stop);

  Network& network_;
  std::jthread thread_;
};

}  // namespace bosen::runtime
