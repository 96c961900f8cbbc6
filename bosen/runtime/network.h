#pragma once

// The process's connections to all others: a link each over one transport. It has no thread of its own: a NetworkDriver
// brings it what arrives.
//
// Thread safety: send by any thread; messages to one process of one priority keep the order of the calls. `deliver` is
// called by the driver, in order for each peer.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "bosen/core/link.h"
#include "bosen/net/transport.h"
#include "bosen/runtime/platform.h"

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
  using OnFailure = std::function<void(const Error& cause)>;

  Network(const Options& options, Platform& platform, net::Transport& transport, Deliver deliver, OnFailure on_failure);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Starts to receive; to be called once, when `deliver` may be called.
  void start() { driver_ = platform_.drive(*this); }

  /// Ends receiving; afterwards `deliver` is not called any more.
  void stop() { driver_.reset(); }

  void send(Rank peer, wire::Envelope envelope);

  /// Whether no more than a full window is on its way to the peer. Where it is not, a frame of the peer's that lets
  /// more leave is delivered after the change (sequentially consistent), if only as an empty list of messages.
  [[nodiscard]] bool has_room(Rank peer) const { return !peers_[static_cast<std::size_t>(peer)]->is_behind.load(); }
  /// Bytes that wait for peers that do not keep up.
  [[nodiscard]] std::size_t backlog_bytes() const { return backlog_bytes_.load(std::memory_order_relaxed); }

  /// Frames that were sent once more, because they were lost or the network is slow.
  [[nodiscard]] std::uint64_t sent_again() const { return sent_again_.load(std::memory_order_relaxed); }

  // For the driver.

  [[nodiscard]] Rank rank() const { return options_.rank; }
  [[nodiscard]] net::Transport& transport() { return transport_; }
  [[nodiscard]] core::TimeNs now() const { return platform_.now(); }
  /// A frame has arrived.
  void step(net::ReceivedFrame received);
  /// The driver can't go on.
  void fail(const Error& cause) { on_failure_(cause); }
  /// Does what is due on all links; returns when something is again.
  core::TimeNs tick();
  /// The same for the link to one process.
  core::TimeNs tick(Rank peer);

 private:
  struct Peer {
    explicit Peer(const Options& options) : link(options.job, options.epoch, options.processes - 1) {}
    std::mutex mutex;  // guards link, and keeps frames in order on their way into the transport
    core::Link link;
    std::atomic<bool> is_behind{false};  // bytes wait beyond a window
  };

  void transmit(Rank peer, std::vector<wire::Frame>& frames);
  void count_backlog(Peer& peer, std::size_t before);

  const Options options_;
  Platform& platform_;
  net::Transport& transport_;
  const Deliver deliver_;
  const OnFailure on_failure_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::atomic<std::size_t> backlog_bytes_{0};
  std::atomic<std::uint64_t> sent_again_{0};  // relaxed: for people
  std::unique_ptr<NetworkDriver> driver_;     // goes first: it uses all of the above
};

}  // namespace bosen::runtime
