#include "bosen/sim/sim_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "tests/support/configuration_error.h"

namespace bosen::sim {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::Property;

class SimSpecTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    return path;
  }
  SimSpec read(const std::string& text) const { return read_sim_spec(write("a.yaml", text)); }
  std::string problem_of(const std::string& text) const {
    return configuration_error([&] { read("program: mf\nnodes: 4\n" + text); });
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("sim_spec_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(SimSpecTest, ReadsAWholeCluster) {
  const SimSpec spec = read(R"(
program: mf
flags: {rank: 20, straggler: ["0:2", "1:3"]}
nodes: 8
workers: 4
servers: 2
shards: 3
seed: 7
compute: {distribution: lognormal, mean_ms: 20, deviation_ms: 5}
crashes: [{node: 5, at_s: 3}]
time_limit_s: 60
)");
  const auto text = [](const char* value) { return Property(&SpecNode::text, value); };
  EXPECT_EQ(spec.program.text(), "mf");
  EXPECT_THAT(spec.flags,
              ElementsAre(Pair("rank", text("20")), Pair("straggler", text("0:2")), Pair("straggler", text("1:3"))));
  EXPECT_EQ(spec.nodes, 8);
  EXPECT_EQ(spec.workers, 4);
  EXPECT_EQ(spec.servers, 2);
  EXPECT_EQ(spec.processes(), 10);
  EXPECT_EQ(spec.shards, 3);
  EXPECT_EQ(spec.seed, 7U);
  EXPECT_EQ(spec.compute.distribution, ComputeSpec::Distribution::kLognormal);
  EXPECT_DOUBLE_EQ(spec.compute.mean_ns, 20e6);
  EXPECT_DOUBLE_EQ(spec.compute.deviation_ns, 5e6);
  ASSERT_EQ(spec.crashes.size(), 1U);
  EXPECT_EQ(spec.crashes[0].node, 5);
  EXPECT_EQ(spec.crashes[0].at, 3'000'000'000);
  EXPECT_EQ(spec.time_limit, 60'000'000'000);
}

TEST_F(SimSpecTest, ReadsANetwork) {
  const NetworkSpec network = read(R"(
program: mf
nodes: 10
network:
  bandwidth_mbps: 100
  latency_us: 200
  loss: 0.01
  frame_us: 30
  byte_ns: 0.5
  racks: {nodes: 4, oversubscription: 2}
  links: [{from: 0, to: 9, bandwidth_mbps: 10}]
  partitions: [{nodes: [1, 2], from_s: 1, to_s: 2.5}]
)")
                                  .network;
  EXPECT_DOUBLE_EQ(network.path.bytes_per_s, 12.5e6);
  EXPECT_EQ(network.path.latency, 200'000);
  EXPECT_DOUBLE_EQ(network.loss, 0.01);
  EXPECT_DOUBLE_EQ(network.frame_ns, 30e3);
  EXPECT_DOUBLE_EQ(network.byte_ns, 0.5);
  EXPECT_EQ(network.rack_nodes, 4);
  EXPECT_DOUBLE_EQ(network.oversubscription, 2);
  ASSERT_EQ(network.links.size(), 1U);
  EXPECT_EQ(network.links[0].from, 0);
  EXPECT_EQ(network.links[0].to, 9);
  EXPECT_DOUBLE_EQ(network.links[0].path.bytes_per_s, 1.25e6);
  EXPECT_EQ(network.links[0].path.latency, 200'000) << "as that of the others";
  ASSERT_EQ(network.partitions.size(), 1U);
  EXPECT_THAT(network.partitions[0].nodes, ElementsAre(1, 2));
  EXPECT_EQ(network.partitions[0].begin, 1'000'000'000);
  EXPECT_EQ(network.partitions[0].end, 2'500'000'000);
}

TEST_F(SimSpecTest, ReadsEveryKindOfStraggler) {
  const SimSpec spec = read(R"(
program: mf
nodes: 4
compute: {distribution: pareto, mean_ms: 2, exponent: 1.5}
stragglers:
  - {kind: slow_node, nodes: 3, factor: 4}
  - {kind: pauses, every_s: 5, lasting_s: 0.5}
  - {kind: random, nodes: [0, 1], chance: 0.2, factor: 6}
  - {kind: power_law, exponent: 2.5, factor_max: 40}
)");
  EXPECT_EQ(spec.compute.distribution, ComputeSpec::Distribution::kPareto);
  EXPECT_DOUBLE_EQ(spec.compute.exponent, 1.5);
  using Kind = StragglerSpec::Kind;
  ASSERT_EQ(spec.stragglers.size(), 4U);
  const auto& [slow, pausing, random, power] =
      std::tie(spec.stragglers[0], spec.stragglers[1], spec.stragglers[2], spec.stragglers[3]);
  EXPECT_EQ(slow.kind, Kind::kSlowNode);
  EXPECT_THAT(slow.nodes, ElementsAre(3));
  EXPECT_DOUBLE_EQ(slow.factor, 4);
  EXPECT_EQ(pausing.kind, Kind::kPauses);
  EXPECT_THAT(pausing.nodes, IsEmpty());
  EXPECT_EQ(pausing.every, 5'000'000'000);
  EXPECT_EQ(pausing.lasting, 500'000'000);
  EXPECT_EQ(random.kind, Kind::kRandom);
  EXPECT_THAT(random.nodes, ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(random.chance, 0.2);
  EXPECT_DOUBLE_EQ(random.factor, 6);
  EXPECT_EQ(power.kind, Kind::kPowerLaw);
  EXPECT_DOUBLE_EQ(power.exponent, 2.5);
  EXPECT_DOUBLE_EQ(power.factor, 40);
}

TEST_F(SimSpecTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(problem_of("worker: 3\n"), HasSubstr("a.yaml:3:1: unknown key 'worker'"));
  EXPECT_THAT(problem_of("network: {latency: 3}\n"), HasSubstr("unknown key 'network.latency'"));
  EXPECT_THAT(problem_of("network: {loss: 2}\n"), HasSubstr("a.yaml:3:17: network.loss: must be from 0 to"));
  EXPECT_THAT(problem_of("crashes: [{node: 4, at_s: 1}]\n"), HasSubstr("crashes.node: must be from 0 to 3"));
  EXPECT_THAT(problem_of("stragglers: [{kind: slow_node, factor: 3}]\n"), HasSubstr("must name the slow nodes"));
  EXPECT_THAT(problem_of("stragglers: [{kind: lazy}]\n"), HasSubstr("slow_node, pauses, random or power_law"));
  EXPECT_THAT(problem_of("stragglers: [{kind: pauses, every_s: 1, lasting_s: 1}]\n"),
              HasSubstr("shorter than every_s"));
  EXPECT_THAT(problem_of("flags: {seed: 3}\n"), HasSubstr("'seed' stands beside 'flags'"));
  EXPECT_THAT(problem_of("flags: {staleness: , rank: 20}\n"), HasSubstr("a.yaml:3:9: flags.staleness: needs a value"));
  EXPECT_THAT(problem_of("network: {racks: {oversubscription: 4}}\n"),
              HasSubstr("network.racks.nodes: must say how many nodes a rack has"));
  EXPECT_THAT(problem_of("network: {links: [{from: 1, to: 1}]}\n"),
              HasSubstr("a.yaml:3:33: network.links.to: must be another node than 'from'"));
  EXPECT_THAT(problem_of("network: {links: [{from: 1, to: 2}, {from: 2, to: 1}, {from: 1, to: 2}]}\n"),
              HasSubstr("a.yaml:3:69: network.links.to: the link from 1 to 2 stands there twice"));
  EXPECT_THAT(problem_of("network: {partitions: [{nodes: 1, from_s: 2, to_s: 2}]}\n"), HasSubstr("later than from_s"));
  EXPECT_THAT(problem_of("compute: {distribution: profile, profile: gone.jsonl}\n"), HasSubstr("cannot be read"));
}

TEST_F(SimSpecTest, SaysWhatIsWrongWithAProfileAndWhere) {
  const auto problem_of_profile = [this](const std::string& text) {
    const std::string path = write("run.jsonl", text);
    std::string problem = problem_of("compute: {distribution: profile, profile: run.jsonl}\n");
    return problem.replace(problem.find(path), path.size(), "run.jsonl");
  };
  const std::string start = "{\"event\": \"start\", \"workers\": 4}\n";
  EXPECT_THAT(problem_of_profile("{\"event\": \"start\", \"workers\": \"many\"}\n"),
              HasSubstr("a.yaml:3:43: compute.profile: run.jsonl:1: 'workers' must be a number"));
  EXPECT_THAT(problem_of_profile(start + "{\"event\": \"clock\", \"clock\": [1]}\n"),
              HasSubstr("run.jsonl:2: 'clock' must be a number"));
  EXPECT_THAT(problem_of_profile(start + "{\"event\": \"clock\", \"clock\": 1e18}\n"),
              HasSubstr("run.jsonl:2: 'clock' must be a number from 0 to 1e+07"));
  EXPECT_THAT(problem_of_profile(start + "{\"event\": \"clock\", \"clock\": 1, \"compute_s\": null}\n"),
              HasSubstr("run.jsonl:2: 'compute_s' must be a number"));
  EXPECT_THAT(problem_of_profile(start + "nonsense\n"), HasSubstr("run.jsonl:2: is no JSON object"));
  EXPECT_THAT(problem_of_profile("{\"event\": 7}\n"), HasSubstr("'run.jsonl' has no clock events"));
  const std::string clock = "{\"event\": \"clock\", \"rank\": 2, \"clock\": 1, \"compute_s\": 1}\n";
  EXPECT_THAT(problem_of_profile(clock), HasSubstr("'run.jsonl' has no start event"));
  EXPECT_THAT(
      problem_of_profile("{\"event\": \"start\", \"workers\": 4, \"configuration\": {\"workers\": 2}}\n" + clock),
      HasSubstr("'run.jsonl' has clocks of 1 of 2 processes, as each host writes those of its own"));
}

TEST_F(SimSpecTest, ReadsAProfileFromARealRunsMetrics) {
  write("run.jsonl",
        "{\"event\": \"start\", \"workers\": 4}\n"
        "{\"event\": \"clock\", \"rank\": 0, \"clock\": 1, \"compute_s\": 0.2}\n"
        "{\"event\": \"clock\", \"rank\": 1, \"clock\": 2, \"compute_s\": 0.4}\n"
        "{\"event\": \"clock\", \"rank\": 0, \"clock\": 2, \"compute_s\": 0.6}\n");
  const SimSpec spec = read("program: mf\nnodes: 2\ncompute: {distribution: profile, profile: run.jsonl, scale: 2}\n");
  // Two workers a process; the second process's event covers two clocks.
  ASSERT_EQ(spec.compute.profile_ns.size(), 2U);
  EXPECT_THAT(spec.compute.profile_ns[0], ElementsAre(DoubleEq(2 * 0.1e9), DoubleEq(2 * 0.3e9)));
  EXPECT_THAT(spec.compute.profile_ns[1], ElementsAre(DoubleEq(2 * 0.1e9), DoubleEq(2 * 0.1e9)));
}

}  // namespace
}  // namespace bosen::sim
