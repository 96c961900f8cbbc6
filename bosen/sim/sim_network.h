#pragma once

// The simulated network: carries frames between nodes in virtual time. Frames are handed over as messages, not as
// bytes, but take the time of their bytes. Like the real transport it may lose frames, and keeps the order of the
// others between two nodes. A node that pauses handles no frame, sends none and looks at no timer until it goes on.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/random.h"
#include "bosen/net/transport.h"
#include "bosen/runtime/network.h"
#include "bosen/sim/node_pace.h"
#include "bosen/sim/scheduler.h"
#include "bosen/sim/topology.h"

namespace bosen::sim {

class SimNetwork final : private EventHandler {
 public:
  SimNetwork(Scheduler& scheduler, const SimSpec& spec);
  ~SimNetwork() override;

  /// Frames for a rank go to this network from now on; nullptr: nowhere.
  void attach(Rank rank, runtime::Network* network);
  /// The node is dead: nothing comes from it and nothing reaches it.
  void cut_off(Rank rank);

  /// The way out of a node, for the process that runs there.
  std::unique_ptr<net::Transport> make_transport(Rank rank);

  struct Counts {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lost = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  friend class SimTransport;

  /// Slots that are used again.
  template <class T>
  class Slots {
   public:
    std::uint64_t add(T item) {
      if (free_.empty()) {
        items_.push_back(std::move(item));
        return items_.size() - 1;
      }
      const std::uint64_t slot = free_.back();
      free_.pop_back();
      items_[slot] = std::move(item);
      return slot;
    }
    T take(std::uint64_t slot) {
      free_.push_back(slot);
      return std::move(items_[slot]);
    }
    T& operator[](std::uint64_t slot) { return items_[slot]; }

   private:
    std::vector<T> items_;
    std::vector<std::uint64_t> free_;
  };

  /// A frame that waits for its sender's wire, or is on its way.
  struct Flight {
    Rank from = 0;
    Rank to = 0;
    std::size_t bytes = 0;
    double left = 0;  ///< bytes that have not entered the sender's wire
    wire::Frame frame;
  };
  /// A part of it. Long frames to several nodes share the wire, as connections of TCP do.
  struct Chunk {
    Passage passage;
    std::uint64_t flight = 0;
    bool last = false;
  };
  /// When a link's timer is planned.
  struct Timer {
    TimeNs at = 0;
    bool planned = false;
  };
  struct Node {
    net::TransportStatistics statistics;
    net::TrafficMeter traffic;
    runtime::Network* network = nullptr;
    std::map<Rank, std::deque<std::uint64_t>> queues;  // flights that have not left, by peer
    std::deque<Rank> turns;                            // peers with a queue, the next one first
    bool sending = false;
    TimeNs processor_free_at = 0;
    bool dead = false;
    std::vector<Timer> timers;  // by peer
  };
  enum class Event : std::uint64_t { kWireFree, kHop, kCameIn, kHandled, kTimer };

  void send(Rank from, Rank to, wire::Frame frame);
  void happen(std::uint64_t argument) override;
  void plan(TimeNs time, Event event, std::uint64_t what);
  void send_chunk(Rank from);
  void hop(std::uint64_t slot);
  void come_in(std::uint64_t slot);
  void hand_over(std::uint64_t slot);
  void plan_timer(Rank rank, Rank peer, TimeNs at);
  void run_timer(std::uint64_t pair);
  Node& node(Rank rank) { return *nodes_[static_cast<std::size_t>(rank)]; }

  Scheduler& scheduler_;
  const SimSpec& spec_;
  BufferPool pool_;  // of all blocks under way, and of those that receivers keep
  Topology topology_;
  NodePace pace_;
  Random random_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Slots<Flight> flights_;
  Slots<Chunk> chunks_;
  Counts counts_;
};

}  // namespace bosen::sim
