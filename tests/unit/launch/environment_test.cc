#include "bosen/launch/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>

#include "bosen/base/address.h"
#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

using Environment = std::map<std::string, std::string>;

Placement detect(const Environment& variables) {
  return detect_placement([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

/// The message of the error that `variables` cause.
std::string error_of(const Environment& variables) {
  try {
    detect(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

Environment with(Environment base, const Environment& changes) {
  for (const auto& [name, value] : changes) base[name] = value;
  return base;
}

Environment without(Environment base, const std::string& name) {
  base.erase(name);
  return base;
}

const Environment kBosenRun = {
    {"BOSEN_RANK", "3"},       {"BOSEN_SIZE", "5"},     {"BOSEN_LOCAL_RANK", "1"},
    {"BOSEN_LOCAL_SIZE", "2"}, {"BOSEN_JOB", "abc123"}, {"BOSEN_RENDEZVOUS", "10.0.0.1:4000"},
    {"BOSEN_HOST", "gnode2"},  {"BOSEN_SERVERS", "1"},  {"BOSEN_TIMEOUT", "12.5"}};

const Environment kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                              {"OMPI_COMM_WORLD_SIZE", "2"},
                              {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                              {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                              {"PMIX_NAMESPACE", "2774269953"}};

const Environment kSlurm = {{"SLURM_JOB_ID", "77"},
                            {"SLURM_STEP_ID", "0"},
                            {"SLURM_PROCID", "5"},
                            {"SLURM_NTASKS", "6"},
                            {"SLURM_STEP_NUM_TASKS", "6"},
                            {"SLURM_LOCALID", "1"},
                            {"SLURM_NODEID", "2"},
                            {"SLURM_STEP_NODELIST", "gnode[08-10]"},
                            {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"}};

const Environment kTorch = {{"RANK", "2"},
                            {"WORLD_SIZE", "4"},
                            {"LOCAL_RANK", "0"},
                            {"LOCAL_WORLD_SIZE", "2"},
                            {"MASTER_ADDR", "gnode1"},
                            {"MASTER_PORT", "29500"}};

const Environment kHydra = {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}};

TEST(EnvironmentTest, IsAloneWhenNobodySaysAnything) {
  const Placement placement = detect({});
  EXPECT_EQ(placement.source, "alone");
  EXPECT_EQ(placement.size, 1);
  EXPECT_EQ(placement.rank, 0);
  EXPECT_EQ(placement.coordinator, "");
  EXPECT_EQ(placement.rendezvous, "");
  EXPECT_EQ(placement.timeout_s, 60);
}

TEST(EnvironmentTest, ReadsWhatBosenRunSays) {
  const Placement placement = detect(kBosenRun);
  EXPECT_EQ(placement.source, "bosen run");
  EXPECT_EQ(placement.rank, 3);
  EXPECT_EQ(placement.size, 5);
  EXPECT_EQ(placement.local_rank, 1);
  EXPECT_EQ(placement.local_size, 2);
  EXPECT_EQ(placement.job, "abc123");
  EXPECT_EQ(placement.rendezvous, "10.0.0.1:4000");
  EXPECT_EQ(placement.coordinator, "");
  EXPECT_EQ(placement.host, "gnode2");
  EXPECT_EQ(placement.servers, 1);
  EXPECT_EQ(placement.timeout_s, 12.5);
}

TEST(EnvironmentTest, KnowsThatTheJobWasStartedBefore) {
  EXPECT_EQ(detect(kBosenRun).restart, 0);
  EXPECT_EQ(detect(with(kBosenRun, {{"BOSEN_RESTART", "2"}})).restart, 2);
  EXPECT_EQ(detect(with(kTorch, {{"TORCHELASTIC_RESTART_COUNT", "1"}})).restart, 1);
  EXPECT_EQ(detect(with(kSlurm, {{"SLURM_RESTART_COUNT", "3"}})).restart, 3);
}

TEST(EnvironmentTest, BosenRunWinsOverEveryOtherLauncher) {
  Environment all = kBosenRun;
  for (const Environment& other : {kOpenMpi, kSlurm, kTorch, kHydra}) all = with(all, other);
  EXPECT_EQ(detect(all).source, "bosen run");
}

TEST(EnvironmentTest, TakesAJobSetUpByHand) {
  const Environment by_hand = {{"BOSEN_RANK", "1"}, {"BOSEN_SIZE", "2"}, {"BOSEN_COORDINATOR", "gnode1:5000"}};
  const Placement placement = detect(by_hand);
  EXPECT_EQ(placement.rank, 1);
  EXPECT_EQ(placement.coordinator, "gnode1:5000");
  EXPECT_EQ(placement.job, detect(with(by_hand, {{"BOSEN_RANK", "0"}})).job);
}

TEST(EnvironmentTest, PutsARankOfOpenMpiOnOneHostBesideRankZero) {
  const Placement placement = detect(kOpenMpi);
  EXPECT_EQ(placement.source, "Open MPI");
  EXPECT_EQ(placement.rank, 1);
  EXPECT_EQ(placement.local_rank, 1);
  EXPECT_EQ(placement.host, "127.0.0.1");
  EXPECT_EQ(placement.coordinator, "127.0.0.1:" + std::to_string(port_of_job("openmpi-2774269953")));
}

TEST(EnvironmentTest, TellsHowToMendOpenMpiOnSeveralHosts) {
  const Environment spread = with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}});
  EXPECT_NE(error_of(spread).find("set BOSEN_COORDINATOR=HOST:PORT"), std::string::npos);
  const Placement placement = detect(with(spread, {{"BOSEN_COORDINATOR", "gnode1:5000"}, {"PMIX_HOSTNAME", "gnode2"}}));
  EXPECT_EQ(placement.coordinator, "gnode1:5000");
  EXPECT_EQ(placement.host, "gnode2");
}

TEST(EnvironmentTest, MpirunInsideASlurmAllocationIsOpenMpi) {
  EXPECT_EQ(detect(with(kSlurm, kOpenMpi)).source, "Open MPI");
}

TEST(EnvironmentTest, ReadsATaskOfSrun) {
  const Placement placement = detect(kSlurm);
  EXPECT_EQ(placement.source, "Slurm");
  EXPECT_EQ(placement.rank, 5);
  EXPECT_EQ(placement.size, 6);
  EXPECT_EQ(placement.local_rank, 1);
  EXPECT_EQ(placement.local_size, 2);
  EXPECT_EQ(placement.host, "gnode10");
  EXPECT_EQ(placement.job, "slurm-77.0");
  EXPECT_EQ(placement.coordinator, "gnode08:" + std::to_string(port_of_job("slurm-77.0")));
}

TEST(EnvironmentTest, UsesLoopbackWhenAStepHasOneNode) {
  const Placement placement = detect(
      with(kSlurm, {{"SLURM_STEP_NODELIST", "gnode08"}, {"SLURM_NODEID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", "6"}}));
  EXPECT_EQ(placement.host, "127.0.0.1");
  EXPECT_EQ(parse_address(placement.coordinator)->host, "127.0.0.1");
}

TEST(EnvironmentTest, StepsOfOneSlurmJobUseDifferentPorts) {
  EXPECT_NE(detect(kSlurm).coordinator, detect(with(kSlurm, {{"SLURM_STEP_ID", "1"}})).coordinator);
}

TEST(EnvironmentTest, IsAloneInABatchScriptWithoutSrun) {
  EXPECT_EQ(detect(without(kSlurm, "SLURM_STEP_ID")).source, "alone");
  EXPECT_EQ(detect(with(kSlurm, {{"SLURM_STEP_ID", "4294967291"}, {"SLURM_PROCID", "0"}})).source, "alone");
}

TEST(EnvironmentTest, IsAloneInAnInteractiveSlurmShell) {
  EXPECT_EQ(detect(with(kSlurm, {{"SLURM_STEP_ID", "4294967290"}, {"SLURM_PROCID", "0"}})).source, "alone");
}

TEST(EnvironmentTest, ReadsTheFourVariablesOfTorchrunsKind) {
  const Placement placement = detect(kTorch);
  EXPECT_EQ(placement.source, "torchrun");
  EXPECT_EQ(placement.rank, 2);
  EXPECT_EQ(placement.size, 4);
  EXPECT_EQ(placement.local_size, 2);
  EXPECT_EQ(placement.coordinator, "gnode1:29500");
}

TEST(EnvironmentTest, IgnoresTorchrunsKindWhenNothingSaysThatThereAreSeveral) {
  for (const char* name : {"RANK", "WORLD_SIZE"}) EXPECT_EQ(detect(without(kTorch, name)).source, "alone") << name;
  EXPECT_EQ(detect({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).source, "alone");
}

TEST(EnvironmentTest, RefusesToRunAloneAsOneOfSeveralThatCannotMeet) {
  for (const char* name : {"MASTER_ADDR", "MASTER_PORT"}) {
    try {
      static_cast<void>(detect(without(kTorch, name)));
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("MASTER_ADDR and MASTER_PORT"));
    }
  }
}

TEST(EnvironmentTest, LeavesThePortToTorchrunsAgentWhereItListensThere) {
  const Environment agent = with(kTorch, {{"TORCHELASTIC_RUN_ID", "r1"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  const Placement placement = detect(agent);
  EXPECT_EQ(parse_address(placement.coordinator)->host, "gnode1");
  EXPECT_NE(parse_address(placement.coordinator)->port, 29500);
}

TEST(EnvironmentTest, TorchrunInsideMpirunOrSrunIsTorchrun) {
  const Environment torchrun = with(kTorch, {{"TORCHELASTIC_RUN_ID", "r1"}});
  EXPECT_EQ(detect(with(kOpenMpi, torchrun)).source, "torchrun");
  EXPECT_EQ(detect(with(kSlurm, torchrun)).source, "torchrun");
}

TEST(EnvironmentTest, MpirunInAPodWithTorchVariablesIsOpenMpi) {
  EXPECT_EQ(detect(with(kTorch, kOpenMpi)).source, "Open MPI");
}

TEST(EnvironmentTest, MpiexecOfMpichsKindIsPmiEvenInsideSlurm) {
  const Placement placement = detect(with(kSlurm, kHydra));
  EXPECT_EQ(placement.source, "PMI");
  EXPECT_EQ(placement.rank, 1);
  EXPECT_EQ(placement.local_size, 2);
}

TEST(EnvironmentTest, JobsOfOneUserUnderMpichAreToldApartByWhoServesThem) {
  // A launcher and two of its ranks: the rank's end of each socket names the process that made it.
  std::array<std::array<int, 2>, 2> ranks{};
  for (auto& ends : ranks) ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const auto job_at = [&](int socket) {
    return detect(with(kHydra, {{"USER", "ann"}, {"PMI_FD", std::to_string(socket)}})).job;
  };
  EXPECT_EQ(job_at(ranks[0][0]), "pmi-server-" + std::to_string(::getpid()));
  EXPECT_EQ(job_at(ranks[1][0]), job_at(ranks[0][0]));
  for (auto& ends : ranks) {
    for (const int end : ends) ::close(end);
  }
  EXPECT_EQ(job_at(ranks[0][0]), "pmi-ann") << "a descriptor that is none";
  EXPECT_EQ(detect(with(kHydra, {{"PMI_JOBID", "7"}, {"PMI_FD", "0"}})).job, "pmi-7");
}

TEST(EnvironmentTest, RanksUnderMpichOnSeveralHostsAgreeOnTheirJob) {
  // Each host has a server, and a port of it, of its own.
  const Environment spread = with(kHydra, {{"PMI_SIZE", "4"}, {"BOSEN_COORDINATOR", "gnode1:5000"}});
  EXPECT_EQ(detect(with(spread, {{"PMI_PORT", "gnode1:4000"}})).job,
            detect(with(spread, {{"PMI_PORT", "gnode2:4000"}})).job);
  EXPECT_NE(detect(spread).job, detect(with(spread, {{"BOSEN_COORDINATOR", "gnode1:5001"}})).job);
}

TEST(EnvironmentTest, SrunWithItsPmiPluginIsSlurm) {
  EXPECT_EQ(detect(with(kSlurm, {{"PMI_RANK", "5"}, {"PMI_SIZE", "6"}})).source, "Slurm");
}

TEST(EnvironmentTest, TheCoordinatorCanBeSetUnderEveryLauncher) {
  for (const Environment& launcher : {kBosenRun, kOpenMpi, kSlurm, kTorch, kHydra}) {
    EXPECT_EQ(detect(with(launcher, {{"BOSEN_COORDINATOR", "[::1]:7000"}})).coordinator, "[::1]:7000");
  }
}

TEST(EnvironmentTest, WillNotRunAloneWhenACoordinatorIsNamed) {
  EXPECT_NE(error_of({{"BOSEN_COORDINATOR", "gnode1:5000"}}).find("BOSEN_RANK and BOSEN_SIZE"), std::string::npos);
}

TEST(EnvironmentTest, NamesTheVariableThatIsMissing) {
  EXPECT_NE(error_of(without(kBosenRun, "BOSEN_SIZE")).find("BOSEN_SIZE is missing"), std::string::npos);
  EXPECT_NE(error_of(without(kBosenRun, "BOSEN_JOB")).find("BOSEN_JOB is missing"), std::string::npos);
  EXPECT_NE(error_of(without(kOpenMpi, "OMPI_COMM_WORLD_RANK")).find("OMPI_COMM_WORLD_RANK is missing"),
            std::string::npos);
  EXPECT_NE(error_of(without(kSlurm, "SLURM_STEP_NODELIST")).find("SLURM_JOB_NODELIST is missing"), std::string::npos);
}

TEST(EnvironmentTest, NamesTheVariableAndTheValueThatIsMalformed) {
  for (const auto& [base, name, value] : std::initializer_list<std::tuple<Environment, std::string, std::string>>{
           {kBosenRun, "BOSEN_RANK", "-1"},
           {kBosenRun, "BOSEN_RANK", "three"},
           {kBosenRun, "BOSEN_SIZE", "0"},
           {kBosenRun, "BOSEN_SIZE", "99999999999"},
           {kBosenRun, "BOSEN_TIMEOUT", "soon"},
           {kBosenRun, "BOSEN_TIMEOUT", "-1"},
           {kBosenRun, "BOSEN_TIMEOUT", "nan"},
           {kBosenRun, "BOSEN_SERVERS", "-1"},
           {kBosenRun, "BOSEN_RENDEZVOUS", "nowhere"},
           {kBosenRun, "BOSEN_COORDINATOR", "::1:80"},
           {kBosenRun, "BOSEN_HOST", "-oProxyCommand=x"},
           {kBosenRun, "BOSEN_JOB", "two words"},
           {kTorch, "MASTER_PORT", "http"},
           {kTorch, "MASTER_ADDR", "a b"},
           {kSlurm, "SLURM_PROCID", "x"}}) {
    const std::string error = error_of(with(base, {{name, value}}));
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_NE(error.find(value), std::string::npos) << error;
  }
}

TEST(EnvironmentTest, RefusesContradictions) {
  EXPECT_NE(error_of(with(kBosenRun, {{"BOSEN_RANK", "5"}})).find("rank 5 is not below the job's size 5"),
            std::string::npos);
  EXPECT_NE(error_of(with(kBosenRun, {{"BOSEN_LOCAL_RANK", "2"}})).find("local rank 2 of 2"), std::string::npos);
  EXPECT_NE(error_of(with(kBosenRun, {{"BOSEN_LOCAL_SIZE", "6"}})).find("size 5"), std::string::npos);
  EXPECT_NE(error_of(with(kBosenRun, {{"BOSEN_SERVERS", "5"}})).find("leave no worker"), std::string::npos);
  EXPECT_NE(error_of(with(kSlurm, {{"SLURM_NODEID", "3"}})).find("the node list has 3 nodes"), std::string::npos);
}

TEST(ExportedVariablesTest, TakesValuesFromTheListOrTheEnvironment) {
  const auto env = [](const char* name) { return std::string_view(name) == "HERE" ? "value" : nullptr; };
  const auto variables = exported_variables({"A=b=c", "EMPTY=", "HERE"}, env);
  EXPECT_EQ(variables,
            (std::vector<std::pair<std::string, std::string>>{{"A", "b=c"}, {"EMPTY", ""}, {"HERE", "value"}}));
  for (const char* text : {"", "=x", "1A=x", "A-B=x", "A B", "GONE"})
    EXPECT_THROW(exported_variables({text}, env), Error) << text;
}

TEST(EnvironmentTest, DerivesPortsInTheDocumentedRange) {
  for (const char* job : {"", "a", "slurm-1.0", "slurm-2.0", "openmpi-99"}) {
    EXPECT_GE(port_of_job(job), 20000);
    EXPECT_LE(port_of_job(job), 29999);
  }
  EXPECT_EQ(port_of_job(""), 20000 + 0xcbf29ce484222325U % 10000);
}

}  // namespace
}  // namespace bosen::launch
