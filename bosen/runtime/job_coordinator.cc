#include "bosen/runtime/job_coordinator.h"

#include <algorithm>
#include <utility>

#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

/// How long a connection may take to say who it is, or to go when it was told.
constexpr std::int64_t kStrangerNs = 5'000'000'000;
/// Connections that have not said who they are, beyond one for each process.
constexpr std::size_t kStrangersMax = 64;
/// How long the end of the job waits until everybody has heard of it.
constexpr std::int64_t kFarewellNs = 2'000'000'000;
/// How long a job that can't start waits for processes that come late, to tell them why.
constexpr std::int64_t kLateArrivalNs = 4'000'000'000;
/// Entries of a list of ranks in a message.
constexpr std::size_t kListedMax = 12;

std::string count_of(std::size_t count, int size) {
  return std::to_string(count) + " of " + std::to_string(size) + " processes";
}

std::string where(const Member& member) {
  return "rank " + std::to_string(member.rank) + " (host " + member.host + ')';
}

}  // namespace

std::string list_ranks(const std::vector<Rank>& ranks) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    // Two neighbours read better apart.
    if (last == i + 1) last = i;
    entries.push_back(std::to_string(ranks[i]) + (last == i ? "" : '-' + std::to_string(ranks[last])));
    i = last + 1;
  }
  if (entries.size() > kListedMax) {
    entries.resize(kListedMax);
    entries.emplace_back("others");
  }
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) text += i + 1 == entries.size() ? " and " : ", ";
    text += entries[i];
  }
  return text;
}

JobCoordinator::JobCoordinator(Options options, std::int64_t now_ns)
    : options_(std::move(options)),
      started_ns_(now_ns),
      seats_(static_cast<std::size_t>(options_.size)),
      stall_(now_ns),
      heartbeat_due_ns_(now_ns + limits::kHeartbeatNs),
      waiting_since_ns_(now_ns),
      notice_due_ns_(now_ns + limits::kQuietWaitNs) {
  peers_.emplace(kSelf, Peer{Standing::kStranger, -1, now_ns, now_ns});
}

const Member* JobCoordinator::member(Rank rank) const {
  const auto& member = seats_[static_cast<std::size_t>(rank)].member;
  return member ? &*member : nullptr;
}

std::vector<JobCoordinator::PeerId> JobCoordinator::seated() const {
  std::vector<PeerId> ids;
  for (const auto& [id, peer] : peers_) {
    if (peer.standing == Standing::kSeated) ids.push_back(id);
  }
  return ids;
}

std::vector<Rank> JobCoordinator::ranks_where(bool (*is_so)(const Seat&)) const {
  std::vector<Rank> ranks;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (is_so(seats_[i])) ranks.push_back(static_cast<Rank>(i));
  }
  return ranks;
}

void JobCoordinator::connected(PeerId peer, std::int64_t now_ns, Output& output) {
  peers_.emplace(peer, Peer{Standing::kStranger, -1, now_ns, now_ns});
  drop_strangers(now_ns, output);
}

void JobCoordinator::step(PeerId id, const ControlMessage& message, std::int64_t now_ns, Output& output) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.heard_ns = now_ns;
  if (const auto* first = std::get_if<Hello>(&message); first != nullptr && peer.standing == Standing::kStranger) {
    return hello(id, *first, now_ns, output);
  }
  if (peer.standing == Standing::kTold) return;
  if (peer.standing == Standing::kStranger) return reject(id, "did not say who it is", now_ns, output);
  if (std::holds_alternative<Heartbeat>(message)) return;
  if (std::holds_alternative<Status>(message)) return output.sends.push_back({{kSelf}, message});
  if (std::holds_alternative<Done>(message)) return done(peer.rank, now_ns, output);
  if (const auto* abort = std::get_if<Abort>(&message)) {
    return fail(abort->kind, where(*member(peer.rank)) + " ended the job: " + abort->cause, now_ns, output);
  }
  reject(id, "broke the control protocol", now_ns, output);
}

void JobCoordinator::hello(PeerId id, const Hello& hello, std::int64_t now_ns, Output& output) {
  if (hello.job != options_.job) return reject(id, "is of another job", now_ns, output);
  Peer& peer = peers_.at(id);
  const std::optional<std::string> objection = objection_to(hello);
  if (!objection && !hello.complete) return reject(id, "sent a malformed hello", now_ns, output);
  if (hello.member.rank >= 0 && hello.member.rank < options_.size) heard_of_.insert(hello.member.rank);
  peer.rank = hello.member.rank;
  if (over() || objection) {
    peer.standing = Standing::kTold;
    peer.since_ns = now_ns;
    // A released job has no free seat, so there is an objection unless the job has failed.
    output.sends.push_back(
        {{id}, phase_ == Phase::kFailed ? failure_ : Failed{ErrorKind::kConfiguration, objection.value()}});
    if (phase_ == Phase::kJoining) fail(ErrorKind::kConfiguration, *objection, now_ns, output);
    return;
  }
  peer.standing = Standing::kSeated;
  seat(peer.rank) = {hello.member, id, false};
  output.sends.push_back({{id}, Heartbeat{}});
  const bool complete =
      std::all_of(seats_.begin(), seats_.end(), [](const Seat& taken) { return taken.member.has_value(); });
  if (complete) start(now_ns, output);
}

std::optional<std::string> JobCoordinator::objection_to(const Hello& hello) const {
  const Member& own = member(0) != nullptr ? *member(0) : hello.member;
  const Member& other = hello.member;
  if (other.version != own.version) {
    return where(other) + " runs bosen " + other.version + ", but " + where(own) + " runs bosen " + own.version +
           "; install the same version on all hosts";
  }
  if (hello.complete && hello.size != options_.size) {
    return describe(other) + " was started for a job of " + std::to_string(hello.size) +
           " processes, but rank 0 for one of " + std::to_string(options_.size) +
           "; start all processes with the same number";
  }
  if (hello.complete && hello.servers != options_.servers) {
    return describe(other) + " was started with --servers " + std::to_string(hello.servers) +
           ", but rank 0 with --servers " + std::to_string(options_.servers) + "; give all processes the same";
  }
  if (other.rank < 0 || other.rank >= options_.size) {
    return describe(other) + " has no place in a job of " + std::to_string(options_.size) +
           " processes; ranks are 0 to " + std::to_string(options_.size - 1);
  }
  if (const Member* const first = member(other.rank); first != nullptr) {
    return "rank " + std::to_string(other.rank) + " is there twice: on host " + first->host + " (pid " +
           std::to_string(first->pid) + ") and on host " + other.host + " (pid " + std::to_string(other.pid) +
           "); give every process a rank of its own";
  }
  return std::nullopt;
}

void JobCoordinator::start(std::int64_t now_ns, Output& output) {
  if (const auto objection = objection_to_totals()) return fail(ErrorKind::kConfiguration, *objection, now_ns, output);
  phase_ = Phase::kRunning;
  const std::vector<PeerId> all = seated();
  for (const Seat& seat : seats_) output.sends.push_back({all, MemberEntry{*seat.member}});
  output.sends.push_back({all, Start{1}});
}

std::optional<std::string> JobCoordinator::objection_to_totals() const {
  std::int64_t shards = 0;
  for (const Seat& seat : seats_) shards += seat.member->shards;
  if (shards <= limits::kShardsMax) return std::nullopt;
  return "the processes have " + std::to_string(shards) + " shards together, but a job has at most " +
         std::to_string(limits::kShardsMax) + "; start fewer processes or fewer shards in each";
}

void JobCoordinator::done(Rank rank, std::int64_t now_ns, Output& output) {
  if (over()) return;
  if (phase_ == Phase::kJoining) return reject(seat(rank).peer, "was done before the job began", now_ns, output);
  const bool nobody_waited = std::none_of(seats_.begin(), seats_.end(), waits_for_end);
  seat(rank).done = true;
  if (nobody_waited && waits_for_end(seat(rank))) {
    waiting_since_ns_ = now_ns;
    notice_due_ns_ = now_ns + limits::kQuietWaitNs;
  }
  if (!std::all_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.done; })) return;
  phase_ = Phase::kReleased;
  over_by_ns_ = now_ns + kFarewellNs;
  output.sends.push_back({seated(), Released{}});
}

// A dedicated server is done from the start, and serves until the end: it waits for nobody.
bool JobCoordinator::waits_for_end(const Seat& seat) { return seat.done && seat.member->workers > 0; }

void JobCoordinator::closed(PeerId id, const std::string& why, std::int64_t now_ns, Output& output) {
  lose(id, "died: " + why, now_ns, output);
}

void JobCoordinator::reject(PeerId id, const std::string& why, std::int64_t now_ns, Output& output) {
  lose(id, "was dropped: it " + why, now_ns, output);
}

void JobCoordinator::lose(PeerId id, const std::string& fate, std::int64_t now_ns, Output& output) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const Peer& peer = found->second;
  if (peer.standing == Standing::kStranger) ++strangers_dropped_;
  if (peer.standing == Standing::kSeated) {
    // It is told too, as it may only be frozen and then wonder.
    fail(ErrorKind::kPeerLost, describe(*member(peer.rank)) + ' ' + fate, now_ns, output);
  }
  peers_.erase(found);
  output.drops.push_back(id);
}

void JobCoordinator::fail(ErrorKind kind, const std::string& cause, std::int64_t now_ns, Output& output) {
  if (over()) return;
  const bool was_joining = phase_ == Phase::kJoining;
  phase_ = Phase::kFailed;
  failure_ = {kind, cause};
  output.sends.push_back({seated(), failure_});
  await_late_ = was_joining && kind != ErrorKind::kTimeout;
  over_by_ns_ = now_ns + (await_late_ ? kLateArrivalNs : kFarewellNs);
}

void JobCoordinator::tick(std::int64_t now_ns, Output& output) {
  if (const std::int64_t stalled = stall_.stalled_ns(now_ns); stalled > 0) {
    for (auto& [id, peer] : peers_) peer.heard_ns += stalled;
  }
  drop_strangers(now_ns, output);
  if (over()) return;
  find_silent(now_ns, output);
  if (phase_ == Phase::kJoining && now_ns - started_ns_ >= options_.join_timeout_ns) fail_late_join(now_ns, output);
  if (over()) return;
  if (now_ns >= heartbeat_due_ns_) {
    heartbeat_due_ns_ = now_ns + limits::kHeartbeatNs;
    output.sends.push_back({seated(), Heartbeat{}});
  }
  say_whom_we_wait_for(now_ns, output);
}

void JobCoordinator::drop_strangers(std::int64_t now_ns, Output& output) {
  std::vector<PeerId> strangers;
  std::vector<PeerId> expired;
  for (const auto& [id, peer] : peers_) {
    if (peer.standing == Standing::kSeated || id == kSelf) continue;
    if (peer.standing == Standing::kStranger) strangers.push_back(id);
    if (now_ns - peer.since_ns >= kStrangerNs) expired.push_back(id);
  }
  const std::size_t allowed = kStrangersMax + seats_.size();
  const std::size_t too_many = strangers.size() - std::min(strangers.size(), allowed);
  expired.insert(expired.end(), strangers.begin(), strangers.begin() + static_cast<std::ptrdiff_t>(too_many));
  for (const PeerId id : expired) reject(id, "did not say who it is", now_ns, output);
}

void JobCoordinator::find_silent(std::int64_t now_ns, Output& output) {
  for (const auto& [id, peer] : peers_) {
    const bool silent = now_ns - peer.heard_ns >= limits::kPeerSilenceNs;
    // The first ends the job, and lose() changes peers_.
    if (id != kSelf && peer.standing == Standing::kSeated && silent)
      return lose(id, "is lost: " + silence_text(), now_ns, output);
  }
}

void JobCoordinator::fail_late_join(std::int64_t now_ns, Output& output) {
  const std::vector<Rank> missing = ranks_where([](const Seat& seat) { return !seat.member; });
  fail(ErrorKind::kTimeout,
       list_ranks(missing) + " did not join the job within " + seconds_text(options_.join_timeout_ns) + " (" +
           count_of(seats_.size() - missing.size(), options_.size) +
           " are here); see whether they were started and whether their hosts reach rank 0 at " + options_.address,
       now_ns, output);
}

void JobCoordinator::say_whom_we_wait_for(std::int64_t now_ns, Output& output) {
  if (now_ns < notice_due_ns_) return;
  notice_due_ns_ = now_ns + limits::kQuietWaitNs;
  // Whoever watches one host's output sees it once.
  std::set<std::string> machines;
  std::vector<PeerId> to;
  for (const Seat& seat : seats_) {
    const bool waits = phase_ == Phase::kJoining ? seat.member.has_value() : waits_for_end(seat);
    if (waits && machines.insert(seat.member->machine).second) to.push_back(seat.peer);
  }
  if (!to.empty()) output.sends.push_back({to, Waiting{waiting_text(now_ns)}});
}

std::string JobCoordinator::waiting_text(std::int64_t now_ns) const {
  const std::string since = "has waited for " + seconds_text(now_ns - waiting_since_ns_) + " for ";
  if (phase_ == Phase::kJoining) {
    const std::vector<Rank> missing = ranks_where([](const Seat& seat) { return !seat.member; });
    return since + list_ranks(missing) + " to join (" + count_of(seats_.size() - missing.size(), options_.size) +
           " are here)";
  }
  const std::vector<Rank> working = ranks_where([](const Seat& seat) { return !seat.done; });
  return since + list_ranks(working) + " to finish (" + count_of(seats_.size() - working.size(), options_.size) +
         " are done)";
}

std::int64_t JobCoordinator::next_deadline_ns() const {
  std::int64_t next = over() ? over_by_ns_ : heartbeat_due_ns_;
  if (phase_ == Phase::kJoining) next = std::min(next, started_ns_ + options_.join_timeout_ns);
  return next;
}

bool JobCoordinator::finished(std::int64_t now_ns) const {
  if (!over()) return false;
  if (now_ns >= over_by_ns_) return true;
  if (await_late_ && heard_of_.size() < seats_.size()) return false;
  return std::none_of(peers_.begin(), peers_.end(), [](const auto& entry) {
    return entry.first != kSelf && entry.second.standing != Standing::kStranger;
  });
}

}  // namespace bosen::runtime
