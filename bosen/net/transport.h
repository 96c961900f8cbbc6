#pragma once

// Moves frames between the processes of a job. Implementations stand in folders beside this file (zmq, which
// uses shm inside a host) and nothing above knows which one is used. Frames may be lost, repeated or reordered when a
// connection breaks; core::Link above makes delivery exactly-once and ordered.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/base/options.h"
#include "bosen/base/types.h"
#include "bosen/net/traffic_meter.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/frame.h"

namespace bosen::net {

/// Counters since the start; bytes are those of frames that left or came, headers included, whether they travelled or
/// lay in memory that both processes can read.
struct TransportStatistics {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_lent = 0;  ///< of those sent: the ones that the receiver reads in this process's memory
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t frames_dropped = 0;  ///< failed a check
  std::string last_drop;             ///< why the latest one did
  std::string unreached;             ///< which peers were never heard from though they should, and where; empty: none
};

/// A frame that has arrived, with the process whose connection it came from.
struct ReceivedFrame {
  Rank peer = 0;
  wire::Frame frame;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// Where other processes reach this one, best last; ports are picked by the system.
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;

  /// Opens the way to a peer. One side of each pair connects (the one with the higher rank), the other accepts.
  virtual void connect(Rank peer, const std::string& address) = 0;

  /// Any thread; never blocks. Frames to one peer keep their order while a connection lasts.
  virtual void send(Rank peer, wire::Frame frame) = 0;

  /// The receiving thread only: the next frame that passes all checks, or nothing at the deadline or after `wake`.
  virtual std::optional<ReceivedFrame> receive(std::chrono::steady_clock::time_point deadline) = 0;

  /// Any thread: makes a `receive` that waits return.
  virtual void wake() = 0;

  /// Any thread.
  [[nodiscard]] virtual TransportStatistics statistics() const = 0;
  [[nodiscard]] virtual const TrafficMeter& traffic() const = 0;
};

}  // namespace bosen::net
