#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "bosen/base/commands.h"
#include "bosen/base/error.h"
#include "bosen/base/shell.h"
#include "bosen/base/streams.h"
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
    for (const std::string& problem : report.problems) say(fmt::format("bosen check: {}\n", problem));
  }
  if (bad > 0) {
    say(fmt::format("bosen check: {} of {} hosts {} not ready\n", bad, reports.size(), bad == 1 ? "is" : "are"));
    return exit_code(ErrorKind::kConfiguration);
  }
  const int slots = std::accumulate(reports.begin(), reports.end(), 0,
                                    [](int sum, const auto& report) { return sum + report.host.slots; });
  std::string hosts =
      flags.hosts.file.empty() ? "-H " + shell_word(flags.hosts.list) : "--hostfile " + shell_word(flags.hosts.file);
  for (const std::string& option : flags.hosts.ssh_options) hosts += " --ssh-option " + shell_word(option);
  const std::string who = reports.size() == 1 ? "the host is" : fmt::format("all {} hosts are", reports.size());
  say(fmt::format("bosen check: {} ready; next: bosen run -n {} {} -- PROGRAM\n", who, slots, hosts));
  return 0;
}

}  // namespace

int check_command(int argc, const char* const* argv) {
  CheckFlags flags;
  OptionReader reader("bosen check", "Checks hosts before anything starts: names, ssh, versions, ports, clocks");
  flags.hosts.add_to(reader);
  reader.add("Hosts", {"timeout",
                       &flags.timeout_s,
                       "seconds that a host may take to answer over ssh",
                       {.minimum = 0.1, .maximum = 3600}});
  reader.add("Hosts", {"agent", &flags.agent, "what the other end of ssh runs", {.hidden = true}});
  reader.set_usage("bosen check -H HOST,HOST | --hostfile FILE [FLAGS]");
  reader.set_footer("Exit code: 0 every host is ready; 2 one is not, and a line on stderr says how to mend it.");
  return read_flags(reader, argc, argv) ? check(flags) : 0;
}

}  // namespace bosen::cli
