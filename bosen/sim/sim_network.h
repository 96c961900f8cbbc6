#pragma once

// The simulated network: carries frames between nodes in virtual time. Frames are handed over as messages, not as
// bytes, but take the time of their bytes. Like the real transport it may lose frames, and keeps the order of the
// others between two nodes.

#include <cstdint>
#include <memory>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/random.h"
#include "bosen/net/transport.h"
#include "bosen/runtime/network.h"
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

  /// A frame on its way; its slot is used again afterwards.
  struct Flight {
    Passage passage;
    std::size_t bytes = 0;
    wire::Frame frame;
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
    TimeNs processor_free_at = 0;
    bool dead = false;
    std::vector<Timer> timers;  // by peer
  };
  enum class Event : std::uint64_t { kHop, kArrived, kTimer };

  void send(Rank from, Rank to, wire::Frame frame);
  void happen(std::uint64_t argument) override;
  void plan(TimeNs time, Event event, std::uint64_t what);
  void hop(std::uint64_t flight);
  void arrive(std::uint64_t flight);
  void plan_timer(Rank rank, Rank peer, TimeNs at);
  void run_timer(std::uint64_t pair);
  Node& node(Rank rank) { return *nodes_[static_cast<std::size_t>(rank)]; }

  Scheduler& scheduler_;
  const SimSpec& spec_;
  BufferPool pool_;  // of all blocks under way, and of those that receivers keep
  Topology topology_;
  Random random_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Flight> flights_;
  std::vector<std::uint64_t> free_flights_;
  Counts counts_;
};

}  // namespace bosen::sim
