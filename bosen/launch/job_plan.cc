#include "bosen/launch/job_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "bosen/base/error.h"
#include "bosen/launch/limits.h"

namespace bosen::launch {
namespace {

[[noreturn]] void refuse_plan(const std::string& message) { throw Error(ErrorKind::kUsage, message); }

/// "h1:2, h2:1", cut after a few.
std::string list_slots(const std::vector<Host>& hosts) {
  constexpr std::size_t kShown = 6;
  std::string list;
  for (std::size_t i = 0; i < std::min(hosts.size(), kShown); ++i) {
    list += fmt::format("{}{}:{}", i == 0 ? "" : ", ", hosts[i].name, hosts[i].slots);
  }
  return hosts.size() > kShown ? list + ", ..." : list;
}

int total_slots(const std::vector<Host>& hosts) {
  const auto total = std::accumulate(hosts.begin(), hosts.end(), std::int64_t{0},
                                     [](std::int64_t sum, const Host& host) { return sum + host.slots; });
  return static_cast<int>(std::min<std::int64_t>(total, kMaxProcesses));
}

int count_processes(const JobSize& size, const std::vector<Host>& hosts) {
  if (size.workers < 0 || size.servers < 0)
    refuse_plan("the numbers of processes (-n) and of servers (--servers) are at least 1 and 0");
  if (size.workers == 0 && hosts.empty()) refuse_plan("say how many processes to start: -n N");
  const int slots = total_slots(hosts);
  if (size.workers == 0 && slots <= size.servers) {
    refuse_plan(fmt::format("--servers {} leaves no slot for a worker: the hosts have {} ({})", size.servers, slots,
                            list_slots(hosts)));
  }
  const std::int64_t wanted = size.workers == 0 ? slots : std::int64_t{size.workers} + size.servers;
  if (wanted > kMaxProcesses)
    refuse_plan(fmt::format("{} processes are more than bosen run starts ({})", wanted, kMaxProcesses));
  if (!hosts.empty() && wanted > slots) {
    const std::string servers = size.servers > 0 ? fmt::format(" and --servers {}", size.servers) : "";
    refuse_plan(fmt::format("-n {}{} needs {} slots, and the hosts have {} ({}): lower -n, or give a host more slots",
                            size.workers, servers, wanted, slots, list_slots(hosts)));
  }
  return static_cast<int>(wanted);
}

}  // namespace

JobPlan plan_job(JobSize size, const std::vector<Host>& hosts) {
  const int processes = count_processes(size, hosts);
  JobPlan plan;
  plan.servers = size.servers;
  if (hosts.empty()) {
    Host here;
    here.slots = processes;
    plan.hosts.push_back(here);
  }
  int placed = 0;
  for (std::size_t i = 0; i < hosts.size() && placed < processes; ++i) {
    plan.hosts.push_back(hosts[i]);
    placed += hosts[i].slots;
  }
  Rank rank = 0;
  for (std::size_t host = 0; host < plan.hosts.size(); ++host) {
    const int here = std::min(plan.hosts[host].slots, processes - rank);
    for (int local = 0; local < here; ++local) plan.ranks.push_back({rank++, host, local, here});
  }
  return plan;
}

}  // namespace bosen::launch
