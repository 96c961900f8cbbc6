#pragma once

// When a node stands still, and how slow it is for good: for what its workers compute and for the frames that it
// handles. Pauses depend on seed and node alone, so any two of these say the same.

#include <vector>

#include "bosen/sim/sim_spec.h"

namespace bosen::sim {

class NodePace {
 public:
  explicit NodePace(const SimSpec& spec);

  /// How many times as long as another node's this one's work takes.
  [[nodiscard]] double slowness(int node) const { return slowness_[static_cast<std::size_t>(node)]; }
  /// The first moment from `now` on at which the node goes: `now` itself where no pause is under way.
  TimeNs goes_at(int node, TimeNs now);
  /// How long `work` nanoseconds take that begin at `begin`: what is left when a pause begins is done after it. Beyond
  /// the longest simulation it does not matter how long.
  TimeNs stretched(int node, TimeNs begin, double work);

 private:
  /// A rule's pauses of one node.
  struct Pauses {
    std::size_t rule = 0;
    TimeNs every = 0;
    TimeNs lasting = 0;
    std::vector<TimeNs> begins = {};  ///< those drawn so far, ascending
  };

  /// Of the rule's first pause that ends after `now`.
  TimeNs next_begin(Pauses& pauses, int node, TimeNs now) const;

  const std::uint64_t seed_;
  std::vector<double> slowness_;             // by node
  std::vector<std::vector<Pauses>> pauses_;  // by node, one a rule that concerns it
};

/// Whether the rule is about the node.
bool concerns(const StragglerSpec& rule, int node);

}  // namespace bosen::sim
