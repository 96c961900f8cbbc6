// What the supervisor tells a person: who is waited for, who never joined, and how the job ended.

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "bosen/launch/limits.h"
#include "bosen/launch/supervisor.h"

namespace bosen::launch {
namespace {

using State = RankProcess::State;

/// How long is given to the reader of our output after somebody has stopped us. Otherwise a slow one gets all the time
/// it takes.
constexpr double kFlushSeconds = 5;

constexpr std::size_t kMaxListed = 8;

double seconds_since(Deadline then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

/// "a, b, c and 12 more".
std::string list(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), kMaxListed); ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kMaxListed) text += fmt::format(" and {} more", items.size() - kMaxListed);
  return text;
}

}  // namespace

bool Supervisor::has_joined(const RankProcess& rank) const { return rendezvous_.table().has_contacted(rank.rank()); }

/// Programs that are none of bosen's never ask for each other; only where one did are the others expected.
bool Supervisor::is_joining() const {
  return started_ && rendezvous_.table().first_contact() &&
         !std::all_of(ranks_.begin(), ranks_.end(), [&](const auto& rank) { return has_joined(*rank); });
}

std::string Supervisor::list_missing() const {
  std::vector<std::string> missing;
  for (const auto& rank : ranks_) {
    if (!has_joined(*rank)) missing.push_back(rank->describe());
  }
  return list(missing);
}

std::vector<const Host*> Supervisor::connecting_hosts() const {
  std::vector<const Host*> hosts;
  for (const auto& rank : ranks_) {
    const Host* const host = &request_.plan.hosts[host_of(*rank)];
    const bool known = !hosts.empty() && hosts.back() == host;  // the ranks of a host follow each other
    if (rank->state() == State::kPreparing && !known) hosts.push_back(host);
  }
  return hosts;
}

void Supervisor::check_joining() {
  RendezvousTable& table = rendezvous_.table();
  table.describe_rank_zero(ranks_.front()->describe());
  if (ending_ || !is_joining()) return;
  const auto ended = std::find_if(ranks_.begin(), ranks_.end(), [&](const auto& rank) {
    return rank->state() >= State::kEnded && !has_joined(*rank);
  });
  if (ended != ranks_.end()) {
    const std::string why = fmt::format(
        "{} has ended without joining the job that others have joined: every rank must run the same "
        "program to its end",
        (*ended)->describe());
    rendezvous_.fail_waiting(why);
    refuse(why);
    end_job(SIGTERM, Clock::now());
  } else if (seconds_since(*table.first_contact()) >= request_.timeout_s) {
    const std::string why = fmt::format("not joined after {:.0f} s: {}; see what it does, or give a longer --timeout",
                                        seconds_since(since_), list_missing());
    rendezvous_.fail_waiting(why);
    outcome_.timed_out();
    console_.say(why);
    end_job(SIGTERM, Clock::now() + std::chrono::seconds(1));
  }
}

void Supervisor::tell_waiting() {
  const Deadline now = Clock::now();
  std::vector<std::string> connecting;
  for (const Host* const host : started_ ? std::vector<const Host*>() : connecting_hosts()) {
    connecting.push_back(host->name);
  }
  const bool joining = is_joining();
  if (ending_ || (connecting.empty() && !joining)) {
    next_notice_ = now + kFirstNotice;
    return;
  }
  if (now < next_notice_) return;
  next_notice_ = now + kNextNotice;
  if (joining) {
    console_.say(fmt::format("waiting for {} to join the job, {:.0f} s so far", list_missing(), seconds_since(since_)));
  } else {
    console_.say(fmt::format("waiting for ssh to {}, {:.0f} s so far", list(connecting), seconds_since(since_)));
  }
}

// Often it is they that the others have missed: a frozen process ends for nothing else.
void Supervisor::say_who_is_killed() {
  std::vector<std::string> stuck;
  for (const auto& rank : ranks_) {
    if (rank->has_child() && rank->state() < State::kEnded) stuck.push_back(rank->describe());
  }
  if (!stuck.empty()) console_.say(fmt::format("{}: did not end when asked to; killed now", list(stuck)));
}

int Supervisor::conclude() {
  say_ending();
  serve_signals();
  constexpr double kForever = 1e9;
  if (!outcome_.interruption()) console_.flush(deadline_after(kForever), signals_.poll_fd());
  serve_signals();
  console_.flush(deadline_after(kFlushSeconds), -1);
  return outcome_.exit_code();
}

void Supervisor::say_ending() {
  const std::string all_ranks = ranks_.size() == 1 ? "rank 0 has" : fmt::format("all {} ranks have", ranks_.size());
  if (const auto signal = outcome_.interruption()) {
    if (*signal != SIGPIPE) console_.say(fmt::format("stopped by {}; all processes have ended", signal_name(*signal)));
  } else if (outcome_.was_refused()) {
    if (!started_) console_.say("nothing was started");
  } else if (outcome_.has_timed_out()) {
    console_.say(started_ ? "timed out; all processes have ended" : "timed out; nothing was started");
  } else if (const auto& cause = outcome_.cause()) {
    const RankProcess& rank = *ranks_[static_cast<std::size_t>(cause->rank)];
    if (is_joining()) console_.say(fmt::format("never joined the job: {}", list_missing()));
    const std::string log = logs_.path_to_read(cause->rank);
    console_.say(fmt::format("{} {}; {}", rank.describe(), describe(*cause),
                             log.empty() ? "its output was not kept (--output-dir DIR keeps it)" : "log: " + log));
  } else if (!logs_.are_complete()) {
    console_.say(
        fmt::format("{} ended well, but not all output is in {}, see above; make room, or name another folder with "
                    "--output-dir, and "
                    "run again",
                    all_ranks, logs_.folder()));
  } else if (!logs_.folder().empty()) {
    console_.say(fmt::format("{} ended well; all output is in {}/rank-*.out and .err", all_ranks, logs_.folder()));
  }
}

}  // namespace bosen::launch
