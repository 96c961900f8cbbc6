#include "bosen/sim/topology.h"

#include <gtest/gtest.h>

#include <vector>

namespace bosen::sim {
namespace {

constexpr TimeNs kMs = 1'000'000;
constexpr double kPacket = 1538;
constexpr TimeNs kPacketNs = 1538;  // at 1 byte/ns

NetworkSpec network() {
  NetworkSpec spec;
  spec.path = {.bytes_per_s = 1e9, .latency = kMs};
  return spec;
}

/// Takes the passage over all its wires, each when its first byte gets there.
TimeNs arrival(Topology& topology, Passage passage) {
  while (topology.advance(passage)) {
  }
  return passage.last;
}

TEST(TopologyTest, BytesTravelInPackets) {
  EXPECT_EQ(Topology::bytes_on_wire(1), 1 + 90);
  EXPECT_EQ(Topology::bytes_on_wire(1448), kPacket);
  EXPECT_EQ(Topology::bytes_on_wire(1449), 1449 + 2 * 90);
}

TEST(TopologyTest, AFrameTakesOneTransmissionAndTheLatency) {
  const NetworkSpec spec = network();
  Topology topology(spec, 3);
  EXPECT_EQ(arrival(topology, topology.enter(0, 1, kPacket, 5 * kMs)), 6 * kMs + kPacketNs);
}

TEST(TopologyTest, FramesOfOneSenderLeaveOneAfterTheOther) {
  const NetworkSpec spec = network();
  Topology topology(spec, 3);
  const Passage first = topology.enter(0, 1, kPacket, 0);
  const Passage second = topology.enter(0, 2, kPacket, 0);
  EXPECT_EQ(arrival(topology, first), kMs + kPacketNs);
  EXPECT_EQ(arrival(topology, second), kMs + 2 * kPacketNs);
}

TEST(TopologyTest, FramesToOneReceiverArriveOneAfterTheOther) {
  const NetworkSpec spec = network();
  Topology topology(spec, 3);
  const Passage first = topology.enter(0, 2, kPacket, 0);
  const Passage second = topology.enter(1, 2, kPacket, 0);
  EXPECT_EQ(arrival(topology, first), kMs + kPacketNs);
  EXPECT_EQ(arrival(topology, second), kMs + 2 * kPacketNs);
}

TEST(TopologyTest, ARackSharesItsWireToTheOthers) {
  NetworkSpec spec = network();
  spec.rack_nodes = 2;
  spec.oversubscription = 4;  // an uplink of half a node's bandwidth
  Topology topology(spec, 4);
  EXPECT_EQ(arrival(topology, topology.enter(0, 1, kPacket, 0)), kMs + kPacketNs);
  const Passage out = topology.enter(1, 2, kPacket, 0);
  const Passage queued = topology.enter(0, 3, kPacket, kPacketNs);
  EXPECT_EQ(arrival(topology, out), kMs + 2 * kPacketNs);
  EXPECT_EQ(arrival(topology, queued), kMs + 4 * kPacketNs);
}

TEST(TopologyTest, ALinkMayDifferFromTheOthers) {
  NetworkSpec spec = network();
  spec.links.push_back({.from = 0, .to = 1, .path = {.bytes_per_s = 1e8, .latency = 3 * kMs}});
  Topology topology(spec, 3);
  EXPECT_EQ(arrival(topology, topology.enter(0, 1, kPacket, 0)), 3 * kMs + 10 * kPacketNs);
  EXPECT_EQ(arrival(topology, topology.enter(1, 0, kPacket, 0)), kMs + kPacketNs);
}

TEST(TopologyTest, AFrameFromASlowLinkKeepsNobodyFromAFastWire) {
  NetworkSpec spec = network();
  spec.links.push_back({.from = 0, .to = 2, .path = {.bytes_per_s = 1e6, .latency = kMs}});
  Topology topology(spec, 3);
  EXPECT_EQ(arrival(topology, topology.enter(0, 2, kPacket, 0)), kMs + 1000 * kPacketNs);
  EXPECT_EQ(arrival(topology, topology.enter(1, 2, kPacket, kPacketNs)), kMs + 2 * kPacketNs);
}

TEST(TopologyTest, ARacksWireCarriesAsManyFramesAtATimeAsItIsWide) {
  NetworkSpec spec = network();
  spec.rack_nodes = 4;  // an uplink of four nodes' bandwidth
  Topology topology(spec, 8);
  std::vector<Passage> passages;
  for (int node = 0; node < 4; ++node) passages.push_back(topology.enter(node, 4 + node, kPacket, 0));
  TimeNs expected = kMs + kPacketNs;
  for (const Passage& passage : passages) {
    EXPECT_EQ(arrival(topology, passage), expected);
    expected += kPacketNs / 4;  // that long each takes the uplink
  }
}

TEST(TopologyTest, APartitionCutsItsNodesOffForAWhile) {
  NetworkSpec spec = network();
  spec.partitions.push_back({.nodes = {0, 1}, .begin = 10, .end = 20});
  const Topology topology(spec, 4);
  EXPECT_FALSE(topology.cut(0, 2, 9));
  EXPECT_TRUE(topology.cut(0, 2, 10));
  EXPECT_TRUE(topology.cut(3, 1, 19));
  EXPECT_FALSE(topology.cut(0, 1, 15));
  EXPECT_FALSE(topology.cut(2, 3, 15));
  EXPECT_FALSE(topology.cut(0, 2, 20));
}

}  // namespace
}  // namespace bosen::sim
