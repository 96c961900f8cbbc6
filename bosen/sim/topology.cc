#include "bosen/sim/topology.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bosen::sim {
namespace {

// What TCP over Ethernet adds: 1448 bytes of ours travel in a packet of 1514 with preamble, gap and checksum (24 more).
constexpr double kPacketPayload = 1448;
constexpr double kPacketHeaders = 90;

}  // namespace

double Topology::bytes_on_wire(std::size_t bytes) {
  const auto payload = static_cast<double>(bytes);
  return payload + std::max(1.0, std::ceil(payload / kPacketPayload)) * kPacketHeaders;
}

TimeNs Wire::pass(double bytes, TimeNs first, TimeNs last) {
  free_at_ = begins(first) + static_cast<TimeNs>(bytes * ns_per_byte_);
  return std::max(free_at_, last);
}

Topology::Topology(const NetworkSpec& spec, int nodes) : spec_(spec) {
  const auto count = static_cast<std::size_t>(nodes);
  out_.assign(count, Wire(spec.path.bytes_per_s));
  in_ = out_;
  if (spec.rack_nodes > 0) {
    const double uplink = spec.path.bytes_per_s * spec.rack_nodes / spec.oversubscription;
    up_.assign(static_cast<std::size_t>(rack(nodes - 1)) + 1, Wire(uplink));
    down_ = up_;
  }
  for (const LinkSpec& link : spec.links) {
    links_.insert_or_assign({link.from, link.to}, std::pair(link.path, Wire(link.path.bytes_per_s)));
  }
}

const PathSpec& Topology::path(int from, int to) const {
  const auto found = links_.find({from, to});
  return found == links_.end() ? spec_.path : found->second.first;
}

Passage Topology::enter(int from, int to, double bytes, TimeNs now) {
  Passage passage{.from = from, .to = to, .bytes = bytes};
  Wire& wire = out_[static_cast<std::size_t>(from)];
  const TimeNs begin = wire.begins(now);
  const TimeNs end = wire.pass(passage.bytes, now, now);
  const TimeNs latency = path(from, to).latency;
  passage.first = begin + latency;
  passage.last = end + latency;
  return passage;
}

bool Topology::advance(Passage& passage) {
  // The wires between the sender's and the receiver's: of the two racks where they differ, of a link of its own.
  const bool other_rack = rack(passage.from) != rack(passage.to);
  const auto link = links_.find({passage.from, passage.to});
  std::array<Wire*, 4> way{};
  int wires = 0;
  const auto add = [&](Wire& wire) { way[static_cast<std::size_t>(wires++)] = &wire; };
  if (other_rack) {
    add(up_[static_cast<std::size_t>(rack(passage.from))]);
    add(down_[static_cast<std::size_t>(rack(passage.to))]);
  }
  if (link != links_.end()) add(link->second.second);
  add(in_[static_cast<std::size_t>(passage.to)]);

  Wire& wire = *way[static_cast<std::size_t>(passage.hop++)];
  const TimeNs begin = wire.begins(passage.first);
  passage.last = wire.pass(passage.bytes, passage.first, passage.last);
  passage.first = begin;
  return passage.hop < wires;
}

bool Topology::cut(int from, int to, TimeNs now) const {
  return std::any_of(spec_.partitions.begin(), spec_.partitions.end(), [&](const PartitionSpec& partition) {
    const auto inside = [&](int node) {
      return std::find(partition.nodes.begin(), partition.nodes.end(), node) != partition.nodes.end();
    };
    return now >= partition.begin && now < partition.end && inside(from) != inside(to);
  });
}

}  // namespace bosen::sim
