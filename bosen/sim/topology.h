#pragma once

// Where a frame's time goes on its way between two nodes: each node has a wire out and a wire in, a rack a wire up to
// the others and a wire down; each carries one frame after the other. A frame enters the next wire with its first byte
// and leaves it at the earliest with its last, so that a chain of idle wires costs one transmission and the latency. A
// frame that comes in slower than the wire carries it takes none of the wire's time but its own: the packets of others
// go between its own.

#include <map>
#include <utility>
#include <vector>

#include "bosen/sim/sim_spec.h"

namespace bosen::sim {

/// A wire that carries one frame after the other.
class Wire {
 public:
  explicit Wire(double bytes_per_s) : ns_per_byte_(1e9 / bytes_per_s) {}

  /// When a frame has passed whose first byte is there now and whose last one can't pass before `last`.
  TimeNs pass(double bytes, TimeNs first, TimeNs last);
  /// When the wire begins with a frame that is there now.
  [[nodiscard]] TimeNs begins(TimeNs first) const { return first > free_at_ ? first : free_at_; }

 private:
  double ns_per_byte_;
  TimeNs free_at_ = 0;
};

/// A frame on its way, or a part of one.
struct Passage {
  int from = 0;
  int to = 0;
  double bytes = 0;  ///< on the wire, packet headers included
  int hop = 0;       ///< wires behind it
  TimeNs first = 0;  ///< when its first byte reaches the next wire
  TimeNs last = 0;   ///< and its last one
};

class Topology {
 public:
  Topology(const NetworkSpec& spec, int nodes);

  /// What so many bytes of ours take on a wire, packet headers included.
  [[nodiscard]] static double bytes_on_wire(std::size_t bytes);

  /// Sends so many bytes on the wire now.
  [[nodiscard]] Passage enter(int from, int to, double bytes, TimeNs now);
  /// When the sender's wire has let them all through.
  [[nodiscard]] TimeNs out_free_at(int from) const { return out_[static_cast<std::size_t>(from)].begins(0); }
  /// At passage.first: takes it over the next wire. Returns whether there is one more; else it has arrived, at
  /// passage.last.
  bool advance(Passage& passage);

  /// Whether the two can't reach each other at that time.
  [[nodiscard]] bool cut(int from, int to, TimeNs now) const;

 private:
  [[nodiscard]] const PathSpec& path(int from, int to) const;
  [[nodiscard]] int rack(int node) const { return spec_.rack_nodes == 0 ? 0 : node / spec_.rack_nodes; }

  const NetworkSpec& spec_;
  std::vector<Wire> out_;   // by node
  std::vector<Wire> in_;    // by node
  std::vector<Wire> up_;    // by rack
  std::vector<Wire> down_;  // by rack
  std::map<std::pair<int, int>, std::pair<PathSpec, Wire>> links_;
};

}  // namespace bosen::sim
