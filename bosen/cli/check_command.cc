#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>

#include "bosen/base/error.h"
#include "bosen/cli/cli.h"
#include "bosen/launch/environment.h"
#include "bosen/launch/preflight.h"
#include "bosen/launch/preflight_agent.h"

namespace bosen::cli {
namespace {

struct CheckFlags {
  HostFlags hosts;
  double timeout_s = 30;
  std::string agent;  ///< nonce of the reports; empty: not an agent
};

int check(const CheckFlags& flags) {
  if (!flags.agent.empty()) return launch::run_preflight_agent(flags.agent);
  launch::PreflightRequest request;
  request.hosts = flags.hosts.hosts();
  if (request.hosts.empty())
    throw Error(ErrorKind::kUsage, "say which hosts to check: --hostfile FILE or -H h1:2,h2:2");
  request.ssh = launch::ssh_settings(launch::process_environment(), flags.hosts.ssh_options);
  request.program = std::filesystem::read_symlink("/proc/self/exe").string();
  request.timeout_s = flags.timeout_s;
  const std::vector<launch::HostReport> reports = launch::check_hosts(request);
  fmt::print("{}", launch::format_table(reports));
  std::fflush(stdout);
  std::size_t bad = 0;
  for (const launch::HostReport& report : reports) {
    if (!report.problems.empty()) ++bad;
    for (const std::string& problem : report.problems) fmt::print(stderr, "bosen check: {}\n", problem);
  }
  if (bad > 0) {
    fmt::print(stderr, "bosen check: {} of {} hosts {} not ready\n", bad, reports.size(), bad == 1 ? "is" : "are");
    return exit_code(ErrorKind::kConfiguration);
  }
  const int slots = std::accumulate(reports.begin(), reports.end(), 0,
                                    [](int sum, const auto& report) { return sum + report.host.slots; });
  const std::string hosts = flags.hosts.file.empty() ? "-H " + flags.hosts.list : "--hostfile " + flags.hosts.file;
  const std::string who = reports.size() == 1 ? "the host is" : fmt::format("all {} hosts are", reports.size());
  fmt::print(stderr, "bosen check: {} ready; next: bosen run -n {} {} -- PROGRAM\n", who, slots, hosts);
  return 0;
}

}  // namespace

void add_check(CLI::App& app, Request& request) {
  CLI::App* const command =
      app.add_subcommand("check", "Check hosts before anything starts: names, ssh, versions, ports, clocks");
  const auto flags = std::make_shared<CheckFlags>();
  flags->hosts.add_to(*command);
  command->add_option("--timeout", flags->timeout_s, "seconds that a host may take to answer over ssh")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  command->add_option("--agent", flags->agent)->group("");  // what the other end of ssh runs
  command->footer("Exit code: 0 every host is ready; 2 one is not, and a line on stderr says how to mend it.");
  command->callback([flags, &request] { request.action = [flags] { return check(*flags); }; });
}

}  // namespace bosen::cli
