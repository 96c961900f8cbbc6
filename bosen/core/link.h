#pragma once

// One side of the connection between two processes: numbers what it sends, keeps it until the peer acknowledges it,
// sends it again after silence; delivers what it receives in order and once, whatever the transport loses, repeats or
// reorders. docs/design/wire.md has the rules. Sans I/O: frames to send come out of every call. Single-threaded.
//
// Invariants: at most kSendWindowFrames, and kSendWindowBytesMax but for the last frame, are unacknowledged,
// and fewer bytes where the network is slow; a frame is delivered after all with lower sequence numbers; memory is
// bounded by both windows plus what waits to be sent. Of what waits the highest priority goes first, and messages of
// one priority in their order; a fence after all that was sent before it, and before all that is sent later.

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/wire/frame.h"

namespace bosen::core {

/// Nanoseconds of a steady clock, real or simulated.
using TimeNs = std::int64_t;

class Link {
 public:
  /// `peers`: processes that this one has links to.
  Link(std::uint64_t job, std::uint32_t epoch, int peers = 1, std::size_t window_frames = limits::kSendWindowFrames);

  /// Takes a message for the peer; appends the frames that may leave now.
  void send(wire::Envelope envelope, TimeNs now, std::vector<wire::Frame>& frames);

  /// Takes a frame of the peer; appends the messages that are next in order, and the frames that may leave now.
  void step(wire::Frame frame, TimeNs now, std::vector<wire::Envelope>& delivered, std::vector<wire::Frame>& frames);

  /// Acknowledges and sends again what is due.
  void tick(TimeNs now, std::vector<wire::Frame>& frames);

  /// When `tick` has something to do next.
  [[nodiscard]] std::optional<TimeNs> deadline() const;

  /// Messages that the peer has not acknowledged, sent or waiting.
  [[nodiscard]] std::size_t unacknowledged() const { return in_flight_.size() + waiting_; }
  /// Bytes that have no room in the largest window.
  [[nodiscard]] std::size_t backlog_bytes() const;
  [[nodiscard]] std::uint64_t retransmissions() const { return retransmissions_; }

 private:
  [[nodiscard]] bool has_room() const;
  void note_priority(const wire::Envelope& envelope);
  void put_off(wire::Envelope envelope);
  void send_waiting(TimeNs now, std::vector<wire::Frame>& frames);
  void transmit(wire::Envelope envelope, TimeNs now, std::vector<wire::Frame>& frames);
  /// How long the oldest frame in flight may take.
  [[nodiscard]] TimeNs patience() const;
  /// Sends again what follows the frames that were, of those that may be lost, as much as it may.
  void repeat(std::vector<wire::Frame>& frames);
  /// A frame that was sent again is answered; all up to `arrived` have arrived, so many bytes of them now.
  void recover(std::uint64_t answered, std::uint64_t arrived, std::size_t bytes, TimeNs now,
               std::vector<wire::Frame>& frames);
  /// Settles how much may be in flight: a frame that was sent once was acknowledged after so long.
  void adapt_window(std::uint64_t sequence, TimeNs delay, std::size_t acknowledged_bytes);
  /// Returns how many bytes that are. `repeated`: what says so was sent again, or answers what was.
  std::size_t acknowledge_up_to(std::uint64_t sequence, bool repeated, TimeNs now);
  void deliver(wire::Frame frame, std::vector<wire::Envelope>& delivered);
  wire::Frame acknowledgement();

  const std::uint64_t job_;
  const std::uint32_t epoch_;
  const std::size_t ranked_window_bytes_;  // the least window where priorities differ
  const std::size_t window_frames_;        // at most so many are in flight

  struct InFlight {
    wire::Frame frame;
    TimeNs sent_at;  // for the first time
  };
  std::deque<InFlight> in_flight_;  // sent, not acknowledged; consecutive sequence numbers
  std::size_t in_flight_bytes_ = 0;
  std::size_t window_bytes_;                                 // no new frame is sent once so many are in flight
  std::uint64_t window_set_at_ = 0;                          // frames up to this one were sent into a larger window
  TimeNs delay_ = 0;                                         // that frames have lately taken to their acknowledgements
  TimeNs least_delay_ = std::numeric_limits<TimeNs>::max();  // that one of them has taken
  struct Turn {
    std::uint64_t generation;   // fences among what waited before
    std::int64_t low_priority;  // the priority, negated; a fence, which ends its generation, has the greatest number
    bool operator<(const Turn& other) const {
      return generation != other.generation ? generation < other.generation : low_priority < other.low_priority;
    }
  };
  std::map<Turn, std::deque<wire::Envelope>> queues_;  // no room yet; in the order in which they leave, none empty
  std::uint64_t generation_ = 0;                       // of what is put off now
  std::size_t waiting_ = 0;                            // messages in queues_
  std::size_t waiting_bytes_ = 0;
  std::optional<std::int32_t> bulk_priority_;  // of the rows so far
  bool is_ranked_ = false;                     // they have had several
  std::size_t unasked_bytes_ = 0;              // sent since a frame asked for its acknowledgement
  std::uint64_t sent_ = 0;                     // last sequence number given

  TimeNs silent_since_ = 0;          // in_flight_ shrank, began to fill, or was sent again
  TimeNs timeout_;                   // the silence after which frames are sent again
  std::uint64_t suspect_ = 0;        // last frame that was sent before the latest time-out
  std::uint64_t repeated_from_ = 0;  // first frame that was sent again after it
  std::uint64_t repeated_ = 0;       // last frame that was
  std::size_t repeat_bytes_ = 0;     // how much may be sent again now
  std::uint64_t retransmissions_ = 0;

  std::uint64_t received_ = 0;  // all up to this one were delivered
  std::map<std::uint64_t, wire::Frame> early_;
  std::size_t unconfirmed_ = 0;  // received since the last acknowledgement left
  std::size_t unconfirmed_bytes_ = 0;
  TimeNs acknowledge_at_ = 0;  // when an acknowledgement is due; only where unconfirmed_ > 0
};

}  // namespace bosen::core
