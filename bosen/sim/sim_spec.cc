#include "bosen/sim/sim_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/base/spec_node.h"
#include "bosen/sim/compute_profile.h"

namespace bosen::sim {
namespace {

constexpr double kTimeMaxS = 1e9;
constexpr SpecRange kTimes{0, kTimeMaxS};
constexpr SpecRange kShare{0, 1};

TimeNs from_s(double seconds) { return static_cast<TimeNs>(std::llround(seconds * 1e9)); }

PathSpec read_path(SpecFields& fields, const PathSpec& otherwise) {
  PathSpec path;
  path.bytes_per_s = fields.number("bandwidth_mbps", otherwise.bytes_per_s * 8 / 1e6, {1e-6, 1e9}) * 1e6 / 8;
  path.latency =
      from_s(fields.number("latency_us", static_cast<double>(otherwise.latency) / 1e3, {0, kTimeMaxS}) / 1e6);
  return path;
}

int read_node(SpecFields& fields, const char* key, int processes) {
  return static_cast<int>(fields.integer(key, {}, {0, static_cast<double>(processes - 1)}));
}

std::vector<int> read_nodes(SpecFields& fields, int processes) {
  const auto numbers = fields.integers("nodes", {0, static_cast<double>(processes - 1)});
  return {numbers.begin(), numbers.end()};
}

NetworkSpec read_network(const SpecNode& node, int processes) {
  NetworkSpec network;
  SpecFields fields(node, "network");
  network.path = read_path(fields, {});
  network.loss = fields.number("loss", 0, {0, 0.99});
  network.frame_ns = 1e3 * fields.number("frame_us", network.frame_ns / 1e3, {0, 1e9});
  network.byte_ns = fields.number("byte_ns", network.byte_ns, {0, 1e9});
  SpecFields racks(fields.child("racks"), "network.racks");
  network.rack_nodes = static_cast<int>(racks.integer("nodes", 0, {0, limits::kProcessesMax}));
  network.oversubscription = racks.number("oversubscription", 1, {1e-3, 1e6});
  if (racks.has("oversubscription") && network.rack_nodes == 0) {
    racks.fail("nodes", "must say how many nodes a rack has");
  }
  racks.finish();
  for (const SpecNode& item : fields.children("links").items()) {
    SpecFields link(item, "network.links");
    const int from = read_node(link, "from", processes);
    const int to = read_node(link, "to", processes);
    const auto same = [&](const LinkSpec& other) { return other.from == from && other.to == to; };
    if (from == to) link.fail("to", "must be another node than 'from'");
    if (std::any_of(network.links.begin(), network.links.end(), same)) {
      link.fail("to", fmt::format("the link from {} to {} stands there twice", from, to));
    }
    network.links.push_back({.from = from, .to = to, .path = read_path(link, network.path)});
    link.finish();
  }
  for (const SpecNode& item : fields.children("partitions").items()) {
    SpecFields partition(item, "network.partitions");
    PartitionSpec spec;
    spec.nodes = read_nodes(partition, processes);
    if (spec.nodes.empty()) partition.fail("nodes", "must name the nodes that are cut off");
    spec.begin = from_s(partition.number("from_s", {}, kTimes));
    spec.end = from_s(partition.number("to_s", {}, kTimes));
    if (spec.end <= spec.begin) partition.fail("to_s", "must be later than from_s");
    network.partitions.push_back(spec);
    partition.finish();
  }
  fields.finish();
  return network;
}

ComputeSpec read_compute(const SpecNode& node, const std::filesystem::path& folder) {
  using Distribution = ComputeSpec::Distribution;
  ComputeSpec compute;
  SpecFields fields(node, "compute");
  compute.distribution = static_cast<Distribution>(
      fields.choice("distribution", {"constant", "uniform", "normal", "exponential", "lognormal", "pareto", "profile"},
                    static_cast<std::size_t>(Distribution::kConstant)));
  if (compute.distribution == Distribution::kProfile) {
    const std::string file = fields.text("profile", {});
    const double scale = fields.number("scale", 1, {1e-9, 1e9});
    try {
      compute.profile_ns = read_compute_profile((folder / file).string(), scale);
    } catch (const Error& error) {
      fields.fail("profile", error.what());
    }
  } else {
    compute.mean_ns = 1e6 * fields.number("mean_ms", compute.mean_ns / 1e6, {0, kTimeMaxS});
  }
  if (compute.distribution == Distribution::kNormal || compute.distribution == Distribution::kLognormal) {
    compute.deviation_ns = 1e6 * fields.number("deviation_ms", {}, {0, kTimeMaxS});
  }
  if (compute.distribution == Distribution::kPareto) {
    compute.exponent = fields.number("exponent", compute.exponent, {1.001, 1e6});
  }
  fields.finish();
  return compute;
}

StragglerSpec read_straggler(const SpecNode& node, int processes) {
  using Kind = StragglerSpec::Kind;
  StragglerSpec straggler;
  SpecFields fields(node, "stragglers");
  straggler.kind = static_cast<Kind>(fields.choice("kind", {"slow_node", "pauses", "random", "power_law"}, {}));
  straggler.nodes = read_nodes(fields, processes);
  switch (straggler.kind) {
    case Kind::kSlowNode:
      if (straggler.nodes.empty()) fields.fail("nodes", "must name the slow nodes");
      straggler.factor = fields.number("factor", {}, {1, 1e6});
      break;
    case Kind::kPauses:
      straggler.every = from_s(fields.number("every_s", {}, {1e-6, kTimeMaxS}));
      straggler.lasting = from_s(fields.number("lasting_s", {}, {0, kTimeMaxS}));
      if (straggler.lasting >= straggler.every) fields.fail("lasting_s", "must be shorter than every_s");
      break;
    case Kind::kRandom:
      straggler.chance = fields.number("chance", {}, kShare);
      straggler.factor = fields.number("factor", {}, {1, 1e6});
      break;
    case Kind::kPowerLaw:
      straggler.exponent = fields.number("exponent", straggler.exponent, {1e-3, 1e6});
      straggler.factor = fields.number("factor_max", 100, {1, 1e6});
      break;
  }
  fields.finish();
  return straggler;
}

std::vector<std::pair<std::string, SpecNode>> read_flags(const SpecNode& node) {
  std::vector<std::pair<std::string, SpecNode>> flags;
  if (node.kind() != SpecNode::Kind::kMap && node.kind() != SpecNode::Kind::kEmpty) {
    node.fail("flags: must be names of the program's flags with their values");
  }
  for (const auto& [name, value] : node.fields()) {
    for (const std::string reserved : {"workers", "servers", "shards", "seed", "output"}) {
      if (name == reserved) value.fail("flags: '" + name + "' stands beside 'flags', not in it");
    }
    if (value.items().empty()) value.fail_at_key("flags." + name + ": needs a value");
    for (const SpecNode& item : value.items()) {
      if (item.kind() != SpecNode::Kind::kText) item.fail("flags." + name + ": must be a text or a list of texts");
      flags.emplace_back(name, item);
    }
  }
  return flags;
}

/// All but the program, its flags and the seed.
SimSpec read_cluster(SpecFields& fields, const std::filesystem::path& folder) {
  SimSpec spec;
  spec.nodes = static_cast<int>(fields.integer("nodes", {}, {1, limits::kProcessesMax}));
  spec.workers = static_cast<int>(fields.integer("workers", 1, {1, limits::kWorkersPerProcessMax}));
  spec.servers =
      static_cast<int>(fields.integer("servers", 0, {0, static_cast<double>(limits::kProcessesMax - spec.nodes)}));
  spec.shards = static_cast<int>(fields.integer("shards", 0, {0, limits::kShardsPerProcessMax}));
  spec.network = read_network(fields.child("network"), spec.processes());
  spec.compute = read_compute(fields.child("compute"), folder);
  for (const SpecNode& item : fields.children("stragglers").items()) {
    spec.stragglers.push_back(read_straggler(item, spec.processes()));
  }
  for (const SpecNode& item : fields.children("crashes").items()) {
    SpecFields crash(item, "crashes");
    const int node = read_node(crash, "node", spec.processes());
    spec.crashes.push_back({.node = node, .at = from_s(crash.number("at_s", {}, kTimes))});
    crash.finish();
  }
  spec.time_limit = from_s(fields.number("time_limit_s", 1e6, {1e-3, kTimeMaxS}));
  return spec;
}

}  // namespace

SimSpec read_sim_spec(const std::string& path) {
  const SpecNode root = SpecNode::read_file(path);
  if (const SpecNode* const grid = root.find("grid")) {
    grid->fail_at_key("unknown key 'grid': this looks like a file for bosen sweep; bosen sim runs one setting");
  }
  SpecFields fields(root, "");
  static_cast<void>(fields.text("program", {}));  // refuses what is no text
  const auto flags = read_flags(fields.child("flags"));
  const auto seed = static_cast<std::uint64_t>(fields.integer("seed", 1, {0, 9e18}));
  SimSpec spec = read_cluster(fields, std::filesystem::path(path).parent_path());
  spec.program = fields.child("program");
  spec.flags = flags;
  spec.seed = seed;
  fields.finish();
  return spec;
}

void check_cluster(const SpecNode& cluster, const std::string& folder) {
  SpecFields fields(cluster, "cluster");
  read_cluster(fields, folder);
  fields.finish();
}

}  // namespace bosen::sim
