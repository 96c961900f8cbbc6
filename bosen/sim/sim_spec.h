#pragma once

// What a simulated cluster is like: a YAML file, which docs/guide/simulate.md explains.

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/spec_node.h"
#include "bosen/base/types.h"
#include "bosen/core/link.h"

namespace bosen::sim {

using core::TimeNs;

/// A way of the network: bytes a second (each direction) and time one way.
struct PathSpec {
  double bytes_per_s = 125e6;
  TimeNs latency = 50'000;
};

/// One node's way to another, where it differs from all others.
struct LinkSpec {
  int from = 0;
  int to = 0;
  PathSpec path;
};

/// The nodes can't reach the others for a while.
struct PartitionSpec {
  std::vector<int> nodes;
  TimeNs begin = 0;
  TimeNs end = 0;
};

struct NetworkSpec {
  PathSpec path;
  int rack_nodes = 0;           ///< nodes of a rack; 0: any two nodes have the full bandwidth
  double oversubscription = 1;  ///< of a rack: what its nodes can send by what leaves it
  double loss = 0;              ///< share of frames that vanish and are sent again
  std::vector<LinkSpec> links;
  std::vector<PartitionSpec> partitions;
  double frame_ns = 20'000;  ///< what a node's processor takes for a frame that arrives,
  double byte_ns = 0.3;      ///< and for each of its bytes
};

/// How long a worker computes in a clock.
struct ComputeSpec {
  enum class Distribution { kConstant, kUniform, kNormal, kExponential, kLognormal, kPareto, kProfile };
  Distribution distribution = Distribution::kConstant;
  double mean_ns = 1e7;
  double deviation_ns = 0;  ///< of a normal and a lognormal one
  double exponent = 3;      ///< of a Pareto one
  /// What the clocks of a real run took, from its metrics file, scaled, by process. Nodes take the processes in turn;
  /// clocks beyond a process's end begin it again.
  std::vector<std::vector<double>> profile_ns;
};

/// What makes a node slow at times, or always.
struct StragglerSpec {
  enum class Kind { kSlowNode, kPauses, kRandom, kPowerLaw };
  Kind kind = Kind::kSlowNode;
  std::vector<int> nodes;  ///< empty: all
  double factor = 1;       ///< of a slow node, and of a clock that is slow by chance
  double chance = 0;       ///< of a clock to be slow
  double exponent = 2;     ///< of the power law that factors of clocks follow, from 1 to factor
  TimeNs every = 0;        ///< between the beginnings of pauses, on average
  TimeNs lasting = 0;      ///< of a pause
};

struct CrashSpec {
  int node = 0;
  TimeNs at = 0;
};

struct SimSpec {
  SpecNode program;                                     ///< its name or path
  std::vector<std::pair<std::string, SpecNode>> flags;  ///< of the program; each value is a text
  int nodes = 1;                                        ///< those that have workers
  int workers = 1;                                      ///< of each node
  int servers = 0;                                      ///< nodes besides that only serve rows
  int shards = 0;                                       ///< of each node that has any; 0: one
  std::uint64_t seed = 1;
  NetworkSpec network;
  ComputeSpec compute;
  std::vector<StragglerSpec> stragglers;
  std::vector<CrashSpec> crashes;
  TimeNs time_limit = std::numeric_limits<TimeNs>::max();

  [[nodiscard]] int processes() const { return nodes + servers; }
};

/// Throws Error(kConfiguration) with file:line:column for anything that is wrong, an unknown key included.
SimSpec read_sim_spec(const std::string& path);

/// The same for a cluster alone: all but the program, its flags and the seed. A profile is looked for in `folder`.
void check_cluster(const SpecNode& cluster, const std::string& folder);

}  // namespace bosen::sim
