#include "bosen/launch/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>

#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/base/shell.h"
#include "bosen/base/streams.h"
#include "bosen/base/version.h"
#include "bosen/launch/agent_link.h"
#include "bosen/launch/host_route.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/preflight_agent.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/text.h"
#include "bosen/launch/token.h"

namespace bosen::launch {
namespace {

/// How often a host is asked for the time; the fastest answer says most.
constexpr int kTimeProbes = 5;

/// Hosts that each host tries to reach. In a larger job each tries those that follow it, so that the check stays short.
constexpr std::size_t kMaxPeers = 16;

/// How long asking for the time may take in all.
constexpr double kTimeProbeSeconds = 10;

double seconds_between(Deadline from, Deadline to) { return std::chrono::duration<double>(to - from).count(); }

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// What a shell at the other end runs: the version first, as an older bosen may have no agent.
std::string agent_script(const std::string& nonce, const std::string& program) {
  return fmt::format(
      "nonce={}\nprogram={}\n"
      "report() {{ printf '\\036%s %s\\n' \"$nonce\" \"$1\"; }}\n"
      "report shell\n"
      "[ -f \"$program\" ] && [ -x \"$program\" ] || {{ report missing; exit 0; }}\n"
      "report \"version $(\"$program\" --version 2>&1 </dev/null | head -n 1)\"\n"
      "exec \"$program\" check --agent \"$nonce\"\n",
      shell_quote(nonce), shell_quote(program));
}

/// One host under check, or this one.
struct Agent {
  HostReport* report = nullptr;  ///< null for this host where it is not among the job's
  std::string name;              ///< for messages
  std::string host;              ///< how the others reach it
  std::string our_address;       ///< where it reaches this host
  std::unique_ptr<AgentLink> link;
  std::uint16_t port = 0;  ///< of its greeter; 0 until it has said so
  std::string token;
  bool failed = false;
  std::map<std::string, std::string> targets;  ///< what it was told to reach, by address: the name for messages
  std::size_t answers_due = 0;                 ///< answers to commands that have not come
  Deadline asked_at;                           ///< when it was last asked for the time
  int times_asked = 0;
  double best_round_trip_s = 1e9;

  [[nodiscard]] bool is_ready() const { return !failed && port != 0; }
};

class Preflight {
 public:
  explicit Preflight(const PreflightRequest& request) : request_(request), routes_(find_routes(request.hosts)) {}

  std::vector<HostReport> run() {
    ::signal(SIGPIPE, SIG_IGN);
    start_agents();
    const auto undecided = [](const Agent& agent) { return !agent.failed && agent.port == 0; };
    exchange(undecided, deadline_after(request_.timeout_s), "to start its agent");
    for (Agent& agent : agents_) ask_time(agent);
    const auto owes = [](const Agent& agent) { return !agent.failed && agent.answers_due > 0; };
    exchange(owes, deadline_after(kTimeProbeSeconds), "to tell the time");
    const std::size_t most = ask_connections();
    const std::size_t rounds = most / kAgentConnectionsMax + 2;
    exchange(owes, deadline_after(static_cast<double>(rounds) * kAgentConnectSeconds), "to try its connections");
    // All at once: each may take a while.
    for (Agent& agent : agents_) {
      if (agent.link) agent.failed ? agent.link->kill() : agent.link->hang_up();
    }
    agents_.clear();
    return std::move(reports_);
  }

 private:
  void start_agents() {
    reports_.resize(request_.hosts.size());
    bool here_is_listed = false;
    for (std::size_t i = 0; i < request_.hosts.size(); ++i) {
      const HostRoute& route = routes_.routes[i];
      HostReport& report = reports_[i];
      report.host = request_.hosts[i];
      report.local = route.local;
      if (!route.problem.empty()) {
        report.problems.push_back(route.problem);
        continue;
      }
      here_is_listed = here_is_listed || route.local;
      start_agent(&report, route);
    }
    if (here_is_listed) return;
    HostRoute here;
    here.local = true;
    const auto remote = std::find_if(routes_.routes.begin(), routes_.routes.end(),
                                     [](const HostRoute& route) { return route.problem.empty(); });
    if (remote == routes_.routes.end()) return;
    here.peer_name = remote->our_address;
    start_agent(nullptr, here);
  }

  void start_agent(HostReport* report, const HostRoute& route) {
    Agent agent;
    agent.report = report;
    agent.name = report == nullptr ? "this host" : fmt::format("host '{}'", report->host.name);
    agent.host = route.peer_name;
    agent.our_address = route.our_address;
    const std::string nonce = random_token();
    ChildRequest child{{"/bin/sh", "-s"}, own_environment(), true};
    try {
      if (!route.local) {
        child.command = ssh_command(request_.ssh, report->host);
        child.command.front() = find_ssh(child.command.front());
      }
      agent.link = std::make_unique<AgentLink>(std::move(child), nonce, agent_script(nonce, request_.program));
    } catch (const Error& error) {
      fail(agent, error.what());
    }
    agents_.push_back(std::move(agent));
  }

  static std::string place(const Agent& agent) {
    return agent.report == nullptr ? agent.name : fmt::format("{}: {}", agent.report->host.where, agent.name);
  }

  static void add_problem(Agent& agent, const std::string& problem) {
    if (agent.report != nullptr) agent.report->problems.push_back(problem);
  }

  static void fail(Agent& agent, const std::string& problem) {
    agent.failed = true;
    add_problem(agent, problem);
  }

  /// Serves all agents until none is `unfinished`; those that still are at the deadline fail.
  void exchange(const std::function<bool(const Agent&)>& unfinished, Deadline deadline, const char* what) {
    Deadline next_notice = std::chrono::steady_clock::now() + kFirstNotice;
    while (std::any_of(agents_.begin(), agents_.end(), unfinished)) {
      const Deadline now = std::chrono::steady_clock::now();
      if (now >= deadline) break;
      if (now >= next_notice) {
        const auto late = std::find_if(agents_.begin(), agents_.end(), unfinished);
        const auto count = std::count_if(agents_.begin(), agents_.end(), unfinished);
        say(fmt::format("bosen check: waiting for {}{} {}\n", late->name,
                        count > 1 ? fmt::format(" and {} more", count - 1) : "", what));
        next_notice = now + kNextNotice;
      }
      std::vector<pollfd> polled;
      for (const Agent& agent : agents_) {
        if (agent.link && !agent.failed) agent.link->add_poll(polled);
      }
      ::poll(polled.data(), polled.size(), poll_timeout_ms(std::min(deadline, next_notice)));
      for (Agent& agent : agents_) serve(agent);
    }
    for (Agent& agent : agents_) {
      if (unfinished(agent)) fail(agent, late(agent, what));
    }
  }

  [[nodiscard]] std::string late(const Agent& agent, const char* what) const {
    if (agent.report == nullptr || agent.report->local || agent.report->connected) {
      return fmt::format("{} took too long {}", place(agent), what);
    }
    return fmt::format(
        "{} did not answer over ssh within {:g} s: is it up and reachable (`{}`)? --timeout gives "
        "it longer",
        place(agent), request_.timeout_s, ssh_by_hand(request_.ssh, agent.report->host));
  }

  void serve(Agent& agent) {
    if (!agent.link || agent.failed) return;
    for (const std::string& report : agent.link->serve()) on_report(agent, report);
    if (!agent.link->has_ended() || agent.failed) return;
    const int code = agent.link->exit_code();
    if (agent.report != nullptr && !agent.report->connected && !agent.report->local) {
      fail(agent, explain_ssh_failure(request_.ssh, agent.report->host, agent.link->errors(), code));
    } else {
      fail(agent, fmt::format("{}: bosen ended with code {}: {}", place(agent), code,
                              printable(trim(agent.link->errors()), 300)));
    }
  }

  void on_report(Agent& agent, const std::string& report) {
    const std::vector<std::string_view> words = split(report, ' ');
    const std::string_view word = words.front();
    if (word == "shell") {
      if (agent.report != nullptr) agent.report->connected = true;
    } else if (word == "missing") {
      fail(agent, fmt::format("{}: there is no bosen at '{}': share that folder, or install the same build there",
                              place(agent), request_.program));
    } else if (word == "version") {
      on_version(agent, report.substr(std::min(report.size(), word.size() + 1)));
    } else if (word == "agent" && words.size() == 4) {
      agent.port = parse_number<std::uint16_t>(words[2]).value_or(0);
      agent.token = std::string(words[3]);
    } else if (word == "time" && words.size() == 2) {
      on_time(agent, parse_number<std::int64_t>(words[1]).value_or(0));
    } else if ((word == "reached" || word == "unreached") && words.size() >= 3 && agent.answers_due > 0) {
      on_connection(agent, words, report);
    }
  }

  void on_version(Agent& agent, const std::string& said) {
    constexpr std::string_view kName = "bosen ";
    if (!said.starts_with(kName)) {
      fail(agent,
           fmt::format("{}: bosen at '{}' does not run: {}", place(agent), request_.program, printable(said, 300)));
      return;
    }
    const std::string version = printable(said.substr(kName.size()), 40);
    if (agent.report != nullptr) agent.report->version = version;
    if (version == kVersion) return;
    fail(agent, fmt::format("{}: bosen at '{}' is version {}, and here it is {}: install the same build everywhere",
                            place(agent), request_.program, version, kVersion));
  }

  void ask_time(Agent& agent) {
    if (!agent.is_ready() || agent.report == nullptr || agent.report->local || agent.times_asked == kTimeProbes) return;
    ++agent.times_asked;
    agent.answers_due = 1;
    agent.asked_at = std::chrono::steady_clock::now();
    agent.link->send("time");
  }

  void on_time(Agent& agent, std::int64_t microseconds) {
    const double round_trip_s = seconds_between(agent.asked_at, std::chrono::steady_clock::now());
    agent.answers_due = 0;
    if (agent.report != nullptr && round_trip_s < agent.best_round_trip_s) {
      agent.best_round_trip_s = round_trip_s;
      agent.report->skew_s = static_cast<double>(microseconds) * 1e-6 - (wall_seconds() - round_trip_s / 2);
    }
    ask_time(agent);
  }

  /// Tells every agent whom to reach; returns the largest number of connections that one has to try.
  std::size_t ask_connections() {
    const Agent* here = nullptr;
    std::vector<Agent*> hosts;
    for (Agent& agent : agents_) {
      const bool local = agent.report == nullptr || agent.report->local;
      if (agent.is_ready() && local) here = &agent;
      if (agent.is_ready()) hosts.push_back(&agent);
    }
    std::size_t most = 0;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      Agent& agent = *hosts[i];
      if (agent.report != nullptr) agent.report->ports_open = true;
      // First, as others beside it would show in its latency.
      if (here != nullptr && here != &agent) ask_connection(agent, agent.our_address, *here);
      const bool all = &agent == here;
      for (std::size_t step = 1; step < hosts.size() && (all || step <= kMaxPeers); ++step) {
        const Agent& other = *hosts[(i + step) % hosts.size()];
        if (&other != here) ask_connection(agent, other.host, other);
      }
      most = std::max(most, agent.answers_due);
    }
    return most;
  }

  static void ask_connection(Agent& agent, const std::string& host, const Agent& other) {
    const std::string address = to_string(Address{host, other.port});
    const bool here = other.report == nullptr || other.report->local;
    agent.targets[address] = here ? "this host (" + host + ")" : other.name;
    ++agent.answers_due;
    agent.link->send(fmt::format("connect {} {}", address, other.token));
  }

  void on_connection(Agent& agent, const std::vector<std::string_view>& words, const std::string& report) {
    --agent.answers_due;
    const auto target = agent.targets.find(std::string(words[1]));
    if (target == agent.targets.end()) return;
    const bool to_here = target->second.starts_with("this host");
    if (words[0] == "reached") {
      const double took_s = static_cast<double>(parse_number<std::int64_t>(words[2]).value_or(0)) * 1e-6;
      if (to_here && agent.report != nullptr) agent.report->latency_s = took_s;
      return;
    }
    const std::string why = report.substr(words[0].size() + words[1].size() + 2);
    const std::string problem =
        fmt::format("{} cannot connect to {}: {}: let firewalls pass TCP between the hosts, all ports", place(agent),
                    target->second, printable(why, 200));
    // What this host cannot reach is told of the other, as this one may not be in the table.
    HostReport* report_of = agent.report;
    for (Agent& other : agents_) {
      if (agent.report == nullptr && other.name == target->second) report_of = other.report;
    }
    if (report_of == nullptr) return;
    report_of->ports_open = false;
    report_of->problems.push_back(problem);
  }

  const PreflightRequest& request_;
  HostRoutes routes_;
  std::vector<HostReport> reports_;
  std::vector<Agent> agents_;
};

}  // namespace

std::vector<HostReport> check_hosts(const PreflightRequest& request) { return Preflight(request).run(); }

std::string format_table(const std::vector<HostReport>& reports) {
  std::size_t width = std::string_view("host").size();
  for (const HostReport& report : reports) width = std::max(width, report.host.name.size());
  std::string table = fmt::format("{:<{}}  {:>5}  {:<6}  {:<8}  {:<7}  {:>10}  {:>10}\n", "host", width, "slots", "ssh",
                                  "bosen", "ports", "latency", "clock");
  for (const HostReport& report : reports) {
    const std::string ssh = report.local ? "here" : report.connected ? "ok" : "FAILED";
    const std::string version = !report.version.empty() ? report.version : report.connected ? "FAILED" : "-";
    const std::string ports = !report.ports_open ? "-" : *report.ports_open ? "ok" : "FAILED";
    const std::string latency = report.latency_s ? fmt::format("{:.2f} ms", *report.latency_s * 1e3) : "-";
    const std::string skew = report.skew_s ? fmt::format("{:+.1f} ms", *report.skew_s * 1e3) : "-";
    table += fmt::format("{:<{}}  {:>5}  {:<6}  {:<8}  {:<7}  {:>10}  {:>10}\n", report.host.name, width,
                         report.host.slots, ssh, version, ports, latency, skew);
  }
  return table;
}

}  // namespace bosen::launch
