#pragma once

// The process's connections to all others: a link each over one transport, and the thread that receives, acknowledges
// and sends again.
//
// Thread safety: send by any thread; messages to one process keep the order of the calls. `deliver` is called by the
// network's thread, in order for each peer.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "bosen/core/link.h"
#include "bosen/net/transport.h"

namespace bosen::runtime {

class Network {
 public:
  struct Options {
    Rank rank = 0;
    int processes = 1;
    std::uint64_t job = 0;
    std::uint32_t epoch = 1;
  };
  using Deliver = std::function<void(std::vector<wire::Envelope>&)>;

  Network(const Options& options, net::Transport& transport, Deliver deliver);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Starts to receive; to be called once, when `deliver` may be called.
  void start();

  /// Ends the receiving thread; afterwards `deliver` is not called any more.
  void stop();

  void send(Rank peer, wire::Envelope envelope);

  /// Bytes that wait for peers that do not keep up.
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_.load(std::memory_order_relaxed); }
  /// Whether everything was acknowledged.
  [[nodiscard]] bool idle();

 private:
  struct Peer {
    Peer(std::uint64_t job, std::uint32_t epoch) : link(job, epoch) {}
    std::mutex mutex;  // guards link, and keeps frames in order on their way into the transport
    core::Link link;
  };

  void receive_all(const std::stop_token& stop);
  core::TimeNs tick(core::TimeNs now);
  void step(net::ReceivedFrame received);
  void transmit(Rank peer, std::vector<wire::Frame>& frames);
  void count_waiting(std::size_t before, std::size_t after);

  const Options options_;
  net::Transport& transport_;
  const Deliver deliver_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::atomic<std::size_t> waiting_bytes_{0};
  std::jthread thread_;
};

}  // namespace bosen::runtime
