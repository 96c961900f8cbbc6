#include "bosen/launch/job_plan.h"

#include <gtest/gtest.h>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

/// "h1:0/2 h1:1/2 h2:0/1": host, local rank and local size of every rank.
std::string shown(const JobPlan& plan) {
  std::string text;
  for (const RankPlace& place : plan.ranks) {
    text += (text.empty() ? "" : " ") + plan.hosts[place.host].name + ":" + std::to_string(place.local_rank) + "/" +
            std::to_string(place.local_size);
  }
  return text;
}

std::string error_of(JobSize size, std::string_view hosts) {
  try {
    plan_job(size, hosts.empty() ? std::vector<Host>{} : parse_host_list(hosts));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(JobPlanTest, RunsEverythingHereWithoutHosts) {
  const JobPlan plan = plan_job({3, 1}, {});
  EXPECT_EQ(plan.ranks.size(), 4U);
  EXPECT_EQ(shown(plan), ":0/4 :1/4 :2/4 :3/4");
  EXPECT_EQ(plan.servers, 1);
}

TEST(JobPlanTest, FillsTheSlotsInTheHostsOrder) {
  EXPECT_EQ(shown(plan_job({4, 0}, parse_host_list("h1:2,h2:3"))), "h1:0/2 h1:1/2 h2:0/2 h2:1/2");
}

TEST(JobPlanTest, UsesEverySlotWhenNoNumberIsGiven) {
  EXPECT_EQ(shown(plan_job({0, 0}, parse_host_list("h1:2,h2"))), "h1:0/2 h1:1/2 h2:0/1");
  EXPECT_EQ(plan_job({0, 1}, parse_host_list("h1:2,h2")).ranks.size(), 3U);
}

TEST(JobPlanTest, LeavesOutHostsThatAreNotNeeded) {
  EXPECT_EQ(plan_job({2, 0}, parse_host_list("h1:2,h2")).hosts.size(), 1U);
}

TEST(JobPlanTest, PutsServersAfterTheWorkers) {
  const JobPlan plan = plan_job({2, 1}, parse_host_list("h1:2,h2"));
  EXPECT_EQ(shown(plan), "h1:0/2 h1:1/2 h2:0/1");
  EXPECT_EQ(plan.servers, 1);
}

TEST(JobPlanTest, SaysWhatToDoWhenTheSlotsDoNotSuffice) {
  EXPECT_EQ(error_of({5, 0}, "h1:2,h2:1"),
            "-n 5 needs 5 slots, and the hosts have 3 (h1:2, h2:1): lower -n, or give a host more slots");
  EXPECT_EQ(
      error_of({3, 1}, "h1:2,h2:1"),
      "-n 3 and --servers 1 needs 4 slots, and the hosts have 3 (h1:2, h2:1): lower -n, or give a host more slots");
}

TEST(JobPlanTest, RefusesJobsOfNobodyAndOfTooMany) {
  EXPECT_EQ(error_of({0, 0}, ""), "say how many processes to start: -n N");
  EXPECT_NE(error_of({0, 3}, "h1:3").find("leaves no slot for a worker"), std::string::npos);
  EXPECT_NE(error_of({100000, 0}, "").find("more than bosen run starts"), std::string::npos);
  EXPECT_NE(error_of({-1, 0}, "").find("at least 1"), std::string::npos);
}

}  // namespace
}  // namespace bosen::launch
