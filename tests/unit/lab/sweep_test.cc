#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "bosen/lab/sweep_results.h"
#include "bosen/lab/sweep_run.h"
#include "bosen/lab/sweep_spec.h"
#include "tests/support/configuration_error.h"
#include "tests/support/error_message.h"

namespace bosen::lab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class SweepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  SweepSpec read(const std::string& text) const {
    write("a.yaml", text);
    return read_sweep_spec((folder_ / "a.yaml").string());
  }
  std::string problem_of(const std::string& text) const {
    return configuration_error([&] { plan_runs(read("program: mf\n" + text), "out", "/bin"); });
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("sweep_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(SweepTest, PlansTheProductOfTheAxesWithSeedsInnermost) {
  const SweepSpec spec = read(R"(
program: mf
flags: {rank: 20, staleness: 9}
processes: 2
grid:
  staleness: [0, 4]
  consistency: [ssp, essp, asp]
seeds: [7, 8]
)");
  const auto runs = plan_runs(spec, "out", "/nowhere");
  ASSERT_THAT(runs, SizeIs(12));
  EXPECT_THAT(runs[0].labels, ElementsAre(Pair("staleness", "0"), Pair("consistency", "ssp")));
  EXPECT_EQ(runs[1].title(), "staleness 0, consistency ssp, seed 8");
  EXPECT_THAT(runs[2].labels, ElementsAre(Pair("staleness", "0"), Pair("consistency", "essp")));
  EXPECT_THAT(runs[11].command,
              ElementsAre("/nowhere/bosen", "run", "-n", "2", "--", "mf", "--rank=20", "--staleness=4",
                          "--consistency=asp", "--seed=8", "--output=out/runs/0012"));
}

TEST_F(SweepTest, AValueMaySetSeveralKeys) {
  const SweepSpec spec = read(R"(
program: mf
cluster: {nodes: 4, network: {bandwidth_mbps: 100}}
grid:
  pattern:
    none: {}
    rough: {cluster.network.loss: 0.1, cluster.stragglers: [{kind: slow_node, nodes: 1, factor: 3}], staleness: 2}
)");
  const auto runs = plan_runs(spec, "out", "/nowhere");
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_THAT(runs[0].cluster, Not(HasSubstr("loss")));
  EXPECT_THAT(runs[1].cluster, HasSubstr(R"("loss": "0.1")"));
  EXPECT_THAT(runs[1].cluster, HasSubstr(R"("bandwidth_mbps": "100")"));
  EXPECT_THAT(runs[1].cluster, HasSubstr(R"("staleness": "2")"));
  EXPECT_THAT(runs[1].command,
              ElementsAre("/nowhere/bosen", "sim", "out/runs/0002/cluster.yaml", "--output", "out/runs/0002"));
}

TEST_F(SweepTest, FindsAProfileBesideItsOwnFile) {
  write("a/run.jsonl",
        "{\"event\": \"start\", \"workers\": 1}\n{\"event\": \"clock\", \"rank\": 0, \"clock\": 1, \"compute_s\": "
        "0.2}\n");
  const SweepSpec spec = read(
      "program: mf\ncluster: {nodes: 2, compute: {distribution: profile, profile: a/run.jsonl}}\ngrid: {staleness: "
      "1}\n");
  EXPECT_THAT(plan_runs(spec, "out", "/nowhere")[0].cluster, HasSubstr('"' + (folder_ / "a/run.jsonl").string() + '"'));
}

TEST_F(SweepTest, ReadsHowRunsAreStartedAndWhatTheyAreToReach) {
  const SweepSpec spec = read(
      "program: mf\nprocesses: 3\nservers: 2\nparallel: 5\ngrid: {staleness: 1}\n"
      "target: {measure: accuracy, at_least: 0.9}\n");
  EXPECT_EQ(spec.parallel, 5);
  EXPECT_TRUE(spec.target->reached(0.9) && spec.target->reached(0.95) && !spec.target->reached(0.89));
  EXPECT_THAT(plan_runs(spec, "out", "/bin")[0].command, ::testing::IsSupersetOf({"-n", "3", "--servers", "2"}));
}

TEST_F(SweepTest, ARunOfOneProcessNeedsNoLauncher) {
  const auto runs = plan_runs(read("program: ./mf\ngrid: {processes: [1, 2]}\n"), "out", "/nowhere");
  EXPECT_EQ(runs[0].command.front(), "./mf");
  EXPECT_THAT(runs[1].command, Contains("run"));
}

TEST_F(SweepTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(problem_of(""), HasSubstr("grid: must name what is varied"));
  EXPECT_THAT(problem_of("gird: {staleness: 1}\n"), HasSubstr("a.yaml:2:1: unknown key 'gird'"));
  EXPECT_THAT(problem_of("grid: {staleness: []}\n"), HasSubstr("grid.staleness: has no values"));
  EXPECT_THAT(problem_of("grid: {seed: [1, 2]}\n"), HasSubstr("list the seeds as 'seeds'"));
  EXPECT_THAT(problem_of("grid: {cluster.nodes: [1, 2]}\n"), HasSubstr("there is no 'cluster' to change"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2}\ngrid: {workers: [1, 2]}\n"), HasSubstr("write cluster.workers"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2}\nprocesses: 3\ngrid: {staleness: 1}\n"),
              HasSubstr("leave out processes"));
  EXPECT_THAT(problem_of("grid: {processes: [0]}\n"), HasSubstr("a.yaml:2:20: processes: must be from 1"));
  EXPECT_THAT(problem_of("target: {measure: rmse}\ngrid: {staleness: 1}\n"), HasSubstr("either at_most or at_least"));
}

TEST_F(SweepTest, SaysWhatIsWrongWithAClusterAndWhere) {
  const std::string grid = "grid: {staleness: 1}\n";
  EXPECT_THAT(problem_of("cluster: {nodes: 2, network: {bandwith_mbps: 10}}\n" + grid),
              HasSubstr("a.yaml:2:31: unknown key 'network.bandwith_mbps'"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2, wokers: 3}\n" + grid),
              HasSubstr("a.yaml:2:21: unknown key 'cluster.wokers'"));
  EXPECT_THAT(problem_of("cluster: {workers: 2}\n" + grid), HasSubstr("a.yaml:2:10: cluster.nodes is missing"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2}\ngrid: {cluster.network.los: [0.1]}\n"),
              HasSubstr("a.yaml:3:30: unknown key 'network.los'"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2, network: fast}\ngrid: {cluster.network.loss: [0.1]}\n"),
              HasSubstr("a.yaml:3:31: loss: what it would stand in is no map"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2, program: lda}\n" + grid),
              HasSubstr("a.yaml:2:30: cluster.program: stands beside 'cluster'"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2, flags: {rank: 3}}\n" + grid), HasSubstr("a.yaml:2:28: cluster.flags"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2, seed: 3}\n" + grid), HasSubstr("list the seeds as 'seeds'"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2}\ngrid: {a: {b: {cluster.flags.rank: 3}}}\n"),
              HasSubstr("a.yaml:3:36: cluster.flags: stands beside 'cluster'"));
}

TEST_F(SweepTest, SaysWhatIsWrongWithFlagsAndWhere) {
  const std::string grid = "grid: {staleness: 1}\n";
  EXPECT_THAT(problem_of("flags: 3\n" + grid), HasSubstr("a.yaml:2:8: flags: must be names"));
  EXPECT_THAT(problem_of("flags: [rank, 3]\n" + grid), HasSubstr("a.yaml:2:8: flags: must be names"));
  EXPECT_THAT(problem_of("flags: {seed: 3}\n" + grid), HasSubstr("list the seeds as 'seeds'"));
  EXPECT_THAT(problem_of("flags: {output: here}\n" + grid), HasSubstr("a folder of its own"));
  EXPECT_THAT(problem_of("flags: {workers: 3}\ncluster: {nodes: 2}\n" + grid),
              HasSubstr("a.yaml:2:18: flags.workers: stands in 'cluster'"));
}

TEST_F(SweepTest, NoTwoSettingsAreTheSame) {
  EXPECT_THAT(problem_of("grid: {staleness: [0, 1, 1]}\n"),
              HasSubstr("a.yaml:2:26: grid.staleness: 1 stands there twice"));
  EXPECT_THAT(problem_of("grid: {staleness: [0, 4], pattern: {a: {}, b: {staleness: 2}}}\n"),
              HasSubstr("a.yaml:2:48: staleness: would replace the value of grid.staleness"));
  EXPECT_THAT(problem_of("grid: {pattern: {a: {}, b: {staleness: 2}}, staleness: [0, 4]}\n"),
              HasSubstr("a.yaml:2:57: staleness: would replace the value of grid.pattern"));
  const std::string cluster = "cluster: {nodes: 2}\n";
  const std::string loss = "cluster.network.loss: [0, 0.1]";
  const std::string network =
      "net: {fast: {cluster.network: {latency_us: 5}}, slow: {cluster.network: {latency_us: 9}}}";
  EXPECT_THAT(
      problem_of(cluster + "grid: {" + loss + ", " + network + "}\n"),
      HasSubstr("cluster.network: would replace cluster.network.loss of grid.cluster.network.loss: let one axis"));
  EXPECT_EQ(problem_of(cluster + "grid: {" + network + ", " + loss + "}\n"), "no error") << "it adds to the map";
  EXPECT_EQ(problem_of("flags: {staleness: 3}\ngrid: {pattern: {a: {}, b: {staleness: 2}}}\n"), "no error");
}

TEST_F(SweepTest, ASettingWithoutAValueIsRefused) {
  const std::string grid = "grid: {staleness: 1}\n";
  EXPECT_THAT(problem_of("flags: {data: , rank: 20}\n" + grid), HasSubstr("a.yaml:2:9: data: needs a value"));
  EXPECT_THAT(problem_of("flags: {rank: []}\n" + grid), HasSubstr("a.yaml:2:9: rank: needs a value"));
  EXPECT_THAT(problem_of("grid: {a: {b: {rank: }}}\n"), HasSubstr("a.yaml:2:16: rank: needs a value"));
  EXPECT_THAT(problem_of("cluster: {nodes: 2}\ngrid: {a: {b: {cluster.workers: }}}\n"),
              HasSubstr("a.yaml:3:16: cluster.workers: needs a value"));
  EXPECT_EQ(problem_of("flags: {data: \"\"}\n" + grid), "no error") << "an empty text is a value";
}

TEST_F(SweepTest, EstimatesAMeanWithItsInterval) {
  EXPECT_DOUBLE_EQ(estimate({3}).mean, 3);
  EXPECT_DOUBLE_EQ(estimate({3}).half_width, 0);
  // Student's t of 2 degrees of freedom times the standard error.
  const Estimate three = estimate({1, 2, 3});
  EXPECT_DOUBLE_EQ(three.mean, 2);
  EXPECT_NEAR(three.half_width, 4.303 / std::sqrt(3.0), 1e-9);
}

TEST_F(SweepTest, IntervalsFollowStudentForAnyNumberOfSeeds) {
  const auto student = [](std::size_t freedom) {
    std::vector<double> values(freedom + 1, 0.0);
    values.front() = 1;
    const auto count = static_cast<double>(values.size());
    const double variance = (1 - 1 / count) / (count - 1);
    return estimate(values).half_width / std::sqrt(variance / count);
  };
  // Of published tables.
  EXPECT_NEAR(student(20), 2.0860, 1e-4);
  EXPECT_NEAR(student(21), 2.0796, 1e-4);
  EXPECT_NEAR(student(30), 2.0423, 1e-4);
  EXPECT_NEAR(student(60), 2.0003, 1e-4);
  EXPECT_NEAR(student(1000), 1.9623, 1e-4);
}

/// Runs of a program that writes what it is told, so that results are known.
class SweepResultsTest : public SweepTest {
 protected:
  /// The program copies script/STALENESS-SEED.jsonl, and fails where there is none. With staleness 9 it diverges.
  SweepRunner run(const SweepSpec& spec) const {
    SweepRunner runner(plan_runs(spec, (folder_ / "out").string(), "/nowhere"), 2);
    EXPECT_EQ(runner.run([](const auto&...) {}), 0);
    return runner;
  }
  SweepSpec spec(const std::string& further) const {
    write("app",
          "#!/bin/sh\nfor flag; do eval \"${flag#--}\"; done\n"
          "cp " +
              (folder_ / "script").string() +
              "/$staleness-$seed.jsonl $output/metrics.jsonl || [ \"$staleness\" = 9 ] || exit 1\n"
              "[ \"$staleness\" != 9 ] || { echo training diverged; exit 2; }\n");
    std::filesystem::permissions(folder_ / "app", std::filesystem::perms::owner_all);
    return read("program: " + (folder_ / "app").string() + "\nseeds: [1, 2]\n" + further);
  }
  void script(const std::string& name, double reached_s, double wait_s) const {
    write("script/" + name + ".jsonl",
          "{\"event\": \"eval\", \"clock\": 1, \"time_s\": 1, \"rmse\": 2.0}\n"
          "{\"event\": \"eval\", \"clock\": 5, \"time_s\": " +
              std::to_string(reached_s) +
              ", \"rmse\": 0.9}\n"
              "{\"event\": \"end\", \"wall_s\": 50, \"clocks\": 9, \"compute_s\": 10, \"wait_s\": " +
              std::to_string(wait_s) + ", \"bytes_sent\": 2000000, \"staleness_histogram\": {\"-1\": 3, \"0\": 1}}\n");
  }
};

TEST_F(SweepResultsTest, ComparesTheValuesOfTheFirstAxis) {
  script("0-1", 20, 30);
  script("0-2", 22, 30);
  script("4-1", 10, 10);
  script("4-2", 10.2, 10);
  const SweepSpec sweep = spec("grid: {staleness: [0, 4, 9]}\ntarget: {measure: rmse, at_most: 1}\n");
  const SweepRunner runner = run(sweep);
  const SweepResults results(sweep, runner);
  ASSERT_THAT(results.settings(), SizeIs(3));
  EXPECT_DOUBLE_EQ(results.settings()[0].cost->mean, 21);
  EXPECT_DOUBLE_EQ(results.settings()[1].waiting->mean, 0.5);
  EXPECT_EQ(results.settings()[2].diverged, 2);
  ASSERT_THAT(results.conclusions(), SizeIs(1));
  EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 4 was fastest to reach rmse of at most 1: 10.1 s"));
  // Seed by seed, 20 / 10 and 22 / 10.2 times; Student's t of 1 degree of freedom: 12.7 * 0.078.
  EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 0 took 2.08 +- 1 times as long."));
  EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 9 diverged"));
  EXPECT_THAT(results.csv(),
              HasSubstr("run,staleness,seed,status,clock,time_s,rmse\n1,0,1,done,1,1,2\n1,0,1,done,5,20,0.9\n"));
  EXPECT_THAT(results.json(), HasSubstr(R"("target_clock": 5)"));
}

TEST_F(SweepResultsTest, KeepsWhatADivergedRunMeasuredAndMarksIt) {
  script("0-1", 20, 30);
  script("0-2", 22, 30);
  const SweepSpec sweep = spec("grid: {staleness: [0, 9]}\ntarget: {measure: rmse, at_most: 1}\n");
  const std::string metrics =
      "{\"event\": \"eval\", \"clock\": 1, \"time_s\": 0.5, \"rmse\": 0.5}\n"
      "{\"event\": \"eval\", \"clock\": 2, \"time_s\": 0.7, \"rmse\": null}\n{\"event\": \"ev";
  write("script/9-1.jsonl", metrics);
  const SweepRunner runner = run(sweep);
  const SweepResults results(sweep, runner);
  EXPECT_THAT(results.csv(), HasSubstr("3,9,1,diverged,1,0.5,0.5\n3,9,1,diverged,2,0.7,nan\n"));
  EXPECT_EQ(results.settings()[1].reached, 0) << "a run that diverged later has not reached its target";
  EXPECT_FALSE(results.settings()[1].cost);
}

TEST_F(SweepResultsTest, ARunWhoseMetricsAreDamagedCountsAsFailed) {
  script("0-1", 20, 30);
  script("0-2", 22, 30);
  script("4-1", 10, 10);
  const std::string measured = "{\"event\": \"eval\", \"clock\": 1, \"time_s\": 1, \"rmse\": 0.5}\n";
  const std::map<std::string, std::string> damages = {
      {"empty", ""},
      {"cut between lines", measured},
      {"cut in a line", measured + "{\"event\": \"en"},
      {"no object", measured + "3\n{\"event\": \"end\"}\n"},
      {"a clock of text", "{\"event\": \"eval\", \"clock\": \"1\", \"time_s\": 1}\n{\"event\": \"end\"}\n"},
      {"an event of another type", "{\"event\": 1}\n{\"event\": \"end\"}\n"},
      {"no clock differential", "{\"event\": \"end\", \"staleness_histogram\": {\"old\": 1}}\n"},
  };
  for (const auto& [what, metrics] : damages) {
    SCOPED_TRACE(what);
    write("script/4-2.jsonl", metrics);
    std::filesystem::remove_all(folder_ / "out");
    const SweepSpec sweep = spec("grid: {staleness: [0, 4]}\n");
    const SweepRunner runner = run(sweep);
    const SweepResults results(sweep, runner);
    EXPECT_THAT(results.damaged(),
                ElementsAre("'" + (folder_ / "out/runs/0004/metrics.jsonl").string() +
                            "' is damaged or incomplete: remove its folder and call the sweep again"));
    EXPECT_EQ(results.settings()[1].failed, 1);
    EXPECT_THAT(results.settings()[1].costs, SizeIs(1));
    EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 4 failed in 1 of 2 runs"));
    EXPECT_THAT(results.csv(), HasSubstr("3,4,1,done,5,10,0.9\n"));
    EXPECT_THAT(results.json(), HasSubstr("is damaged or incomplete"));
  }
}

TEST_F(SweepResultsTest, ADivergedRunsMetricsAreReadAsFarAsTheyAreWhole) {
  script("0-1", 20, 30);
  script("0-2", 22, 30);
  const std::string measured = "{\"event\": \"eval\", \"clock\": 1, \"time_s\": 0.5, \"rmse\": 0.5}\n";
  const SweepSpec sweep = spec("grid: {staleness: [0, 9]}\n");
  write("script/9-1.jsonl", measured + "{\"event\": \"eval\", \"clock\": \"2\"}\n" + measured);
  write("script/9-2.jsonl", measured + "{\"event\": 2}\n" + measured);
  const SweepRunner runner = run(sweep);
  const std::string csv = SweepResults(sweep, runner).csv();
  EXPECT_THAT(csv, ::testing::EndsWith("3,9,1,diverged,1,0.5,0.5\n4,9,2,diverged,1,0.5,0.5\n"));
}

TEST_F(SweepResultsTest, NamesAllThatSeedsDontTellApart) {
  for (const auto& [name, seconds] : std::map<std::string, double>{{"0-1", 40},
                                                                   {"0-2", 48},
                                                                   {"1-1", 10},
                                                                   {"1-2", 12},
                                                                   {"2-1", 10.5},
                                                                   {"2-2", 11.8},
                                                                   {"4-1", 12},
                                                                   {"4-2", 10.2}}) {
    script(name, seconds, 10);
  }
  const SweepSpec sweep = spec("grid: {staleness: [0, 1, 2, 4]}\ntarget: {measure: rmse, at_most: 1}\n");
  const SweepRunner runner = run(sweep);
  EXPECT_THAT(SweepResults(sweep, runner).conclusions()[0], HasSubstr("(these seeds don't tell 1 from 4, 2)"));
}

TEST_F(SweepResultsTest, SaysInHowManyRunsASettingDidNotGetThere) {
  script("0-1", 20, 30);
  script("0-2", 22, 30);
  script("4-1", 10, 10);
  write("script/4-2.jsonl",
        "{\"event\": \"eval\", \"clock\": 1, \"time_s\": 1, \"rmse\": 2.0}\n{\"event\": \"end\"}\n");
  const SweepSpec sweep = spec("grid: {staleness: [0, 4]}\ntarget: {measure: rmse, at_most: 1}\n");
  const SweepRunner runner = run(sweep);
  const SweepResults results(sweep, runner);
  EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 0 was fastest"));
  EXPECT_THAT(results.conclusions()[0], HasSubstr("staleness 4 did not get there in 1 of 2 runs"));
  EXPECT_EQ(results.settings()[1].reached, 1);
}

TEST_F(SweepResultsTest, WhatIsDoneIsNotRepeated) {
  script("0-1", 20, 30);
  const SweepSpec sweep = spec("grid: {staleness: [0]}\n");
  const SweepRunner first = run(sweep);
  EXPECT_EQ(first.outcomes()[0].status, RunStatus::kDone);
  EXPECT_EQ(first.outcomes()[1].status, RunStatus::kFailed);
  EXPECT_THAT(first.outcomes()[1].last_line, HasSubstr("0-2.jsonl"));
  script("0-2", 20, 30);
  int repeated = 0;
  SweepRunner second(first.runs(), 1);
  EXPECT_EQ(second.run([&](const auto&...) { ++repeated; }), 0);
  EXPECT_EQ(repeated, 1);
  EXPECT_EQ(second.outcomes()[1].status, RunStatus::kDone);
  EXPECT_EQ(recorded_outcome(first.runs()[0]).status, RunStatus::kDone);
  SweepRun other = first.runs()[0];
  other.command.emplace_back("--rank=3");
  EXPECT_EQ(recorded_outcome(other).status, RunStatus::kPending);
  EXPECT_FALSE(is_of_another_build(other));
}

TEST_F(SweepResultsTest, AFolderKeepsTheResultsOfOneSweep) {
  for (const char* name : {"0-1", "0-2", "4-1", "4-2"}) script(name, 20, 30);
  const std::string output = (folder_ / "out").string();
  const auto problem_with = [&](const std::string& further) {
    return error_message([&] { check_output(output, plan_runs(spec(further), output, "/nowhere")); });
  };
  EXPECT_EQ(problem_with("grid: {staleness: [0, 4]}\n"), "no error") << "an empty folder";
  run(spec("grid: {staleness: [0, 4]}\n"));
  EXPECT_EQ(problem_with("grid: {staleness: [0, 4]}\n"), "no error") << "the same again";
  EXPECT_EQ(problem_with("grid: {staleness: [0, 4, 8]}\n"), "no error") << "goes on after the last run";
  EXPECT_EQ(problem_with("grid: {staleness: [0, 4]}\nname: other\ntarget: {measure: rmse, at_most: 1}\n"), "no error");
  std::ofstream(folder_ / "app", std::ios::app) << "# changed\n";
  EXPECT_EQ(problem_with("grid: {staleness: [0, 4]}\n"), "no error") << "another build";
  for (const char* other : {"grid: {staleness: [0, 8]}\n", "flags: {rank: 3}\ngrid: {staleness: [0, 4]}\n"}) {
    EXPECT_THAT(problem_with(other), HasSubstr("name another folder with --output")) << other;
  }
  EXPECT_THAT(problem_with("grid: {staleness: [0]}\n"), HasSubstr(output + "/runs/0003")) << "fewer runs";
}

TEST_F(SweepResultsTest, GoesOnInAFolderThatIsSpelledOtherwise) {
  script("0-1", 20, 30);
  script("0-2", 20, 30);
  const SweepSpec sweep = spec("grid: {staleness: [0]}\n");
  run(sweep);
  const auto again = plan_runs(sweep, (folder_ / "." / "out").string(), "/nowhere");
  EXPECT_EQ(recorded_outcome(again[0]).status, RunStatus::kDone);
}

TEST_F(SweepResultsTest, WhatAnotherBuildHasDoneIsRepeated) {
  script("0-1", 20, 30);
  script("0-2", 20, 30);
  const SweepSpec sweep = spec("grid: {staleness: [0]}\n");
  const SweepRun done = run(sweep).runs()[0];
  EXPECT_FALSE(is_of_another_build(done));
  std::ofstream(folder_ / "app", std::ios::app) << "# changed\n";
  const SweepRun now = plan_runs(sweep, (folder_ / "out").string(), "/nowhere")[0];
  EXPECT_EQ(recorded_outcome(now).status, RunStatus::kPending);
  EXPECT_TRUE(is_of_another_build(now));
  run(sweep);
  EXPECT_EQ(recorded_outcome(now).status, RunStatus::kDone);
}

TEST_F(SweepResultsTest, WhatWasDoneWithAnotherProfileIsRepeated) {
  const auto write_profile = [&](const std::string& seconds) {
    write("run.jsonl",
          "{\"event\": \"start\", \"workers\": 1}\n{\"event\": \"clock\", \"rank\": 0, \"clock\": 1, \"compute_s\": " +
              seconds + "}\n");
  };
  write_profile("0.2");
  // Stands in for `bosen sim`: what is recorded of a run is all that counts here.
  write("bosen", "#!/bin/sh\necho '{\"event\": \"end\"}' > $4/metrics.jsonl\n");
  std::filesystem::permissions(folder_ / "bosen", std::filesystem::perms::owner_all);
  const SweepSpec sweep = read(
      "program: mf\ncluster: {nodes: 2, compute: {distribution: profile, profile: run.jsonl}}\ngrid: {staleness: 1}\n");
  const auto plan = [&] { return plan_runs(sweep, (folder_ / "out").string(), folder_.string()); };
  SweepRunner runner(plan(), 1);
  EXPECT_EQ(runner.run([](const auto&...) {}), 0);
  EXPECT_EQ(recorded_outcome(plan()[0]).status, RunStatus::kDone);
  write_profile("0.3");
  EXPECT_EQ(recorded_outcome(plan()[0]).status, RunStatus::kPending);
  EXPECT_TRUE(is_of_another_build(plan()[0]));
}

TEST_F(SweepResultsTest, ABuildIsThatOfTheProgramInThePath) {
  script("0-1", 20, 30);
  script("0-2", 20, 30);
  spec("grid: {staleness: [0]}\n");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder_.string() + ":" + path).c_str(), 1);
  const SweepSpec sweep = read("program: app\nseeds: [1, 2]\ngrid: {staleness: [0]}\n");
  const SweepRun done = run(sweep).runs()[0];
  EXPECT_EQ(recorded_outcome(done).status, RunStatus::kDone);
  std::ofstream(folder_ / "app", std::ios::app) << "# changed\n";
  const SweepRun now = plan_runs(sweep, (folder_ / "out").string(), "/nowhere")[0];
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(recorded_outcome(now).status, RunStatus::kPending);
  EXPECT_TRUE(is_of_another_build(now));
}

}  // namespace
}  // namespace bosen::lab
