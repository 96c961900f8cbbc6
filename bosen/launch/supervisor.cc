#include "bosen/launch/supervisor.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "bosen/base/assert.h"
#include "bosen/base/counted.h"
#include "bosen/base/error.h"
#include "bosen/base/streams.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/token.h"

namespace bosen::launch {
namespace {

using State = RankProcess::State;

constexpr std::chrono::seconds kKillAfter{5};     // from the first signal to SIGKILL
constexpr std::chrono::seconds kAbandonAfter{3};  // from SIGKILL to giving up an ssh that does not answer
constexpr std::chrono::seconds kPeerGrace{1};     // others may notice by themselves that a rank has failed

/// ssh servers drop connections at random when more than ten wait to log in (MaxStartups).
constexpr int kMaxConnectingPerHost = 8;

/// The working folder as the shell names it (a link may be the only path that other hosts share), else as the system
/// does.
std::string working_folder() {
  const char* const logical = std::getenv("PWD");
  struct stat named {};
  struct stat actual {};
  const bool same = logical != nullptr && *logical == '/' && ::stat(logical, &named) == 0 &&
                    ::stat(".", &actual) == 0 && named.st_dev == actual.st_dev && named.st_ino == actual.st_ino;
  return same ? logical : std::filesystem::current_path().string();
}

std::string processes(std::size_t count) { return fmt::format("{} process{}", count, count == 1 ? "" : "es"); }

}  // namespace

int run_job(const JobRequest& request) {
  const HostRoutes routes = find_routes(request.plan.hosts);
  if (const std::string problems = routes.problems(); !problems.empty())
    throw Error(ErrorKind::kConfiguration, problems);
  allow_open_files(5 * request.plan.ranks.size() + kMaxStrangers + 64);  // before the logs are opened
  for (int restart = 0;; ++restart) {
    Supervisor supervisor(request, routes, restart);
    const int code = supervisor.run();
    if (restart == request.restarts || !supervisor.outcome().may_go_better()) return code;
    say(fmt::format("bosen run: starts the job again ({} of {})\n", restart + 1, counted(request.restarts, "restart")));
  }
}

Supervisor::Supervisor(const JobRequest& request, const HostRoutes& routes, int restart)
    : request_(request),
      routes_(routes),
      restart_(restart),
      job_(random_token()),
      logs_(request.output_dir, static_cast<int>(request.plan.ranks.size()),
            restart == 0 ? RankLogs::Mode::kEmpty : RankLogs::Mode::kAppend),
      rendezvous_(job_, static_cast<int>(request.plan.ranks.size()),
                  routes.all_local() ? ListenOn::kLoopback : ListenOn::kAllInterfaces),
      mux_(static_cast<int>(request.plan.ranks.size()), console_.colour()),
      since_(Clock::now()),
      next_notice_(since_ + kFirstNotice) {
  BOSEN_ASSERT(routes.routes.size() == request.plan.hosts.size());
  const std::size_t count = request.plan.ranks.size();
  make_ranks();
  seen_.assign(count, State::kIdle);
}

int Supervisor::run() {
  prepare_all();
  start_all();
  run_until_finished();
  return conclude();
}

void Supervisor::make_ranks() {
  for (const RankPlace& place : request_.plan.ranks) ranks_.push_back(make_rank(place));
}

std::unique_ptr<RankProcess> Supervisor::make_rank(const RankPlace& place) {
  const HostRoute& route = routes_.routes[place.host];
  const Host& host = request_.plan.hosts[place.host];
  auto variables = variables_of(place);
  if (route.local) {
    ChildRequest child{request_.command, with_variables(own_environment(), variables), false};
    return std::make_unique<LocalRank>(place.rank, route.peer_name, guardian_, std::move(child));
  }
  RemoteProgram program{random_token(), working_folder(), std::move(variables), request_.command};
  return std::make_unique<RemoteRank>(place.rank, host, guardian_, request_.ssh, std::move(program));
}

std::vector<std::pair<std::string, std::string>> Supervisor::variables_of(const RankPlace& place) const {
  const HostRoute& route = routes_.routes[place.host];
  std::vector<std::pair<std::string, std::string>> variables = request_.exported;
  const auto set = [&](const char* name, const auto& value) { variables.emplace_back(name, fmt::format("{}", value)); };
  set("BOSEN_RANK", place.rank);
  set("BOSEN_SIZE", request_.plan.ranks.size());
  set("BOSEN_LOCAL_RANK", place.local_rank);
  set("BOSEN_LOCAL_SIZE", place.local_size);
  set("BOSEN_JOB", job_);
  set("BOSEN_RENDEZVOUS", to_string(Address{route.our_address, rendezvous_.port()}));
  set("BOSEN_HOST", route.peer_name);
  set("BOSEN_SERVERS", request_.plan.servers);
  set("BOSEN_TIMEOUT", request_.timeout_s);
  if (restart_ > 0) set("BOSEN_RESTART", restart_);
  return variables;
}

void Supervisor::prepare_all() {
  const auto undecided = [](const auto& rank) {
    return rank->state() == State::kIdle || rank->state() == State::kPreparing;
  };
  const Deadline deadline = deadline_after(request_.timeout_s);
  prepare_next();
  while (!ending_ && std::any_of(ranks_.begin(), ranks_.end(), undecided)) {
    turn();
    if (Clock::now() >= deadline && !ending_) {
      outcome_.timed_out();
      for (const Host* const host : connecting_hosts()) {
        console_.say(
            fmt::format("no shell on host '{}' after {:g} s: see how long `{}` takes, or give a longer --timeout",
                        host->name, request_.timeout_s, ssh_by_hand(request_.ssh, *host)));
      }
      end_job(SIGTERM, Clock::now());
    }
    prepare_next();
  }
  if (!refusals_.empty() && !ending_) end_job(SIGTERM, Clock::now());
}

std::size_t Supervisor::host_of(const RankProcess& rank) const {
  return request_.plan.ranks[static_cast<std::size_t>(rank.rank())].host;
}

void Supervisor::prepare_next() {
  std::vector<int> connecting(routes_.routes.size());  // by host, as the next one
  std::vector<bool> refused(routes_.routes.size());
  for (const auto& rank : ranks_) {
    const std::size_t host = host_of(*rank);
    connecting[host] += rank->state() == State::kPreparing ? 1 : 0;
    if (!rank->refusal().empty()) refused[host] = true;
  }
  for (const auto& rank : ranks_) {
    if (ending_ || rank->state() != State::kIdle) continue;
    const std::size_t host = host_of(*rank);
    if (refused[host]) {
      rank->abandon();
      continue;
    }
    if (!routes_.routes[host].local && connecting[host]++ >= kMaxConnectingPerHost) continue;
    try {
      rank->prepare();
    } catch (const Error& error) {
      refuse(error.what());
      rank->abandon();
      if (routes_.routes[host].local) end_job(SIGTERM, Clock::now());  // the same for every rank here
    }
  }
}

void Supervisor::start_all() {
  if (ending_) return;
  started_ = true;
  since_ = Clock::now();
  for (const auto& rank : ranks_) {
    try {
      rank->start();
    } catch (const Error& error) {
      refuse(fmt::format("rank {} on {}: {}", rank->rank(), rank->host(), error.what()));
      rank->abandon();
      end_job(SIGTERM, Clock::now());
      return;
    }
  }
}

void Supervisor::run_until_finished() {
  if (!started_) {
    for (const auto& rank : ranks_) {
      if (!rank->has_child()) rank->abandon();
    }
  }
  while (!all_finished()) turn();
}

void Supervisor::turn() {
  std::vector<pollfd> polled;
  polled.push_back({signals_.poll_fd(), POLLIN, 0});
  polled.push_back({rendezvous_.poll_fd(), POLLIN, 0});
  console_.add_poll(polled);
  const std::size_t first_of_ranks = polled.size();
  std::vector<RankProcess*> owners;
  for (const auto& rank : ranks_) {
    rank->add_poll(polled, !console_.is_full());
    owners.resize(polled.size() - first_of_ranks, rank.get());
  }
  const bool hurry = ending_ || std::any_of(ranks_.begin(), ranks_.end(),
                                            [](const auto& rank) { return rank->state() == State::kEnded; });
  constexpr int kIdleMs = 1000;
  constexpr int kHurryMs = 50;
  ::poll(polled.data(), polled.size(), hurry ? kHurryMs : kIdleMs);
  const Deadline now = Clock::now();
  serve_signals();
  rendezvous_.serve(now);
  console_.write_ready(polled);
  for (std::size_t i = first_of_ranks; i < polled.size(); ++i) {
    if (polled[i].revents != 0) serve_rank(*owners[i - first_of_ranks], polled[i].fd);
  }
  const bool paused = console_.is_full() && !ending_;
  for (const auto& rank : ranks_) {
    rank->check_child(now, paused);
    rank->tick(now);
  }
  note_progress();
  if (console_.is_closed() && !outcome_.interruption() && !outcome_.was_refused()) {
    if (console_.error() == EPIPE) {
      outcome_.interrupted(SIGPIPE);
    } else {
      refuse(std::string("cannot write to standard output: ") + std::strerror(console_.error()));
    }
    end_job(SIGTERM, now);
  }
  check_joining();
  tell_waiting();
  escalate();
}

void Supervisor::serve_signals() {
  for (const int signal : signals_.take()) {
    if (signal == SIGCHLD) {
      for (const auto& rank : ranks_) rank->look_at_child();
      continue;
    }
    const bool again = outcome_.interruption().has_value();
    outcome_.interrupted(signal);
    console_.say(fmt::format("{}: {}", signal_name(signal),
                             again ? "killing what is left" : "passing it on, SIGKILL follows in 5 s"));
    end_job(signal == SIGHUP ? SIGTERM : signal, Clock::now());
    if (again) ending_->kill_at = Clock::now();
  }
}

void Supervisor::serve_rank(RankProcess& rank, int fd) {
  if (!rank.owns(fd)) return;
  const auto output = rank.on_ready(fd);
  if (!output || output->bytes.empty()) return;
  console_.write(output->stream, mux_.feed(rank.rank(), output->stream, output->bytes));
  const std::string problem = logs_.write(rank.rank(), output->stream, output->bytes);
  if (!problem.empty()) console_.say(problem);
}

void Supervisor::note_progress() {
  // Those that a signal killed first: where several have ended at once they are the cause, the others lost a peer.
  for (const bool killed : {true, false}) {
    for (const auto& rank : ranks_) {
      State& seen = seen_[static_cast<std::size_t>(rank->rank())];
      const bool by_signal = rank->ending() && rank->ending()->kind == Ending::Kind::kSignalled;
      if (seen >= State::kEnded || rank->state() < State::kEnded || by_signal != killed) continue;
      seen = State::kEnded;
      note_ended(*rank);
    }
  }
  for (const auto& rank : ranks_) {
    State& seen = seen_[static_cast<std::size_t>(rank->rank())];
    if (!rank->refusal().empty() && !rank->was_signalled()) refuse(rank->refusal());
    if (rank->state() == State::kFinished && seen != State::kFinished) note_finished(*rank);
    seen = rank->state();
  }
}

void Supervisor::note_ended(const RankProcess& rank) {
  if (!rank.ending()) return;
  outcome_.rank_ended(*rank.ending(), rank.was_signalled());
  if (!rank.ending()->failed() || ending_) return;
  const std::size_t others = running();
  if (others > 0) {
    console_.say(
        fmt::format("{} {}; ending the other {}", rank.describe(), describe(*rank.ending()), processes(others)));
  }
  end_job(SIGTERM, Clock::now() + kPeerGrace);
}

void Supervisor::note_finished(const RankProcess& rank) {
  for (const Stream stream : {Stream::kOut, Stream::kErr}) console_.write(stream, mux_.finish(rank.rank(), stream));
}

void Supervisor::refuse(const std::string& why) {
  outcome_.refused();
  if (std::find(refusals_.begin(), refusals_.end(), why) != refusals_.end()) return;
  refusals_.push_back(why);
  console_.say(why);
}

void Supervisor::end_job(int signal, Deadline signal_at) {
  if (ending_ && (ending_->signalled && signal == ending_->signal)) return;
  const Deadline kill_at = signal_at + kKillAfter;
  ending_ = Escalation{signal, signal_at, ending_ ? std::min(ending_->kill_at, kill_at) : kill_at, {}, false, false};
  ending_->abandon_at = ending_->kill_at + kAbandonAfter;
}

void Supervisor::escalate() {
  if (!ending_) return;
  const Deadline now = Clock::now();
  if (!ending_->signalled && now >= ending_->signal_at) {
    ending_->signalled = true;
    broadcast(ending_->signal);
  }
  if (!ending_->killed && now >= ending_->kill_at) {
    ending_->killed = true;
    ending_->abandon_at = now + kAbandonAfter;
    say_who_is_killed();
    broadcast(SIGKILL);
  }
  if (ending_->killed && now >= ending_->abandon_at) {
    for (const auto& rank : ranks_) rank->abandon();
  }
}

void Supervisor::broadcast(int signal) {
  for (const auto& rank : ranks_) {
    if (rank->has_child()) {
      rank->send_signal(signal);
    } else {
      rank->abandon();
    }
  }
}

bool Supervisor::all_finished() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const auto& rank) { return rank->state() == State::kFinished; });
}

std::size_t Supervisor::running() const {
  return static_cast<std::size_t>(
      std::count_if(ranks_.begin(), ranks_.end(), [](const auto& rank) { return rank->state() < State::kEnded; }));
}

}  // namespace bosen::launch
