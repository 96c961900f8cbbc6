#include "bosen/runtime/remote_coordinator.h"

#include <algorithm>
#include <utility>

#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

/// Bounds of one address's connection and of the wait for the first answer over it.
constexpr std::int64_t kAttemptNs = 5'000'000'000;
/// Between attempts; doubles from the first to the last.
constexpr std::int64_t kPauseMinNs = 20'000'000;
constexpr std::int64_t kPauseMaxNs = 500'000'000;

}  // namespace

RemoteCoordinator::RemoteCoordinator(Options options, std::int64_t now_ns)
    : options_(std::move(options)),
      attempt_until_ns_(now_ns),
      pause_ns_(kPauseMinNs),
      notice_due_ns_(options_.started_ns + limits::kQuietWaitNs),
      stall_(now_ns) {}

void RemoteCoordinator::watch(std::vector<pollfd>& descriptors) const {
  if (state_ == State::kConnecting) descriptors.push_back({connector_->fd(), POLLOUT, 0});
  if (!connection_) return;
  const auto events = static_cast<short>(connection_->has_unsent() ? POLLIN | POLLOUT : POLLIN);
  descriptors.push_back({connection_->fd(), events, 0});
}

std::int64_t RemoteCoordinator::next_deadline_ns() const {
  if (state_ == State::kAdmitted) return heartbeat_due_ns_;
  return std::min({attempt_until_ns_, options_.deadline_ns, notice_due_ns_});
}

bool RemoteCoordinator::ended(std::int64_t /*now_ns*/) const { return state_ == State::kEnded; }

void RemoteCoordinator::serve(std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  if (state_ == State::kConnecting) {
    const bool too_slow = now_ns >= attempt_until_ns_;
    if (too_slow) attempt_until_ns_ = now_ns + kAttemptNs;
    go_on_connecting(too_slow ? connector_->skip() : connector_->step(), now_ns);
  } else if (connection_) {
    exchange(now_ns, inbox);
  }
  mind_the_time(now_ns, inbox);
}

void RemoteCoordinator::attempt(std::int64_t now_ns) {
  connector_ = std::make_unique<TcpConnector>(options_.address);
  state_ = State::kConnecting;
  attempt_until_ns_ = now_ns + kAttemptNs;
  go_on_connecting(connector_->step(), now_ns);
}

void RemoteCoordinator::go_on_connecting(TcpConnector::State state, std::int64_t now_ns) {
  if (state == TcpConnector::State::kFailed) pause(connector_->problem(), now_ns);
  if (state == TcpConnector::State::kConnected) greet(now_ns);
}

void RemoteCoordinator::greet(std::int64_t now_ns) {
  connection_.emplace(connector_->take(), kControlLineBytesMax);
  connector_.reset();
  state_ = State::kGreeting;
  attempt_until_ns_ = now_ns + kAttemptNs;
  send(options_.hello, now_ns);
}

void RemoteCoordinator::pause(const std::string& problem, std::int64_t now_ns) {
  problem_ = problem;
  connector_.reset();
  connection_.reset();
  state_ = State::kPausing;
  attempt_until_ns_ = now_ns + pause_ns_;
  pause_ns_ = std::min(2 * pause_ns_, kPauseMaxNs);
}

void RemoteCoordinator::send(const ControlMessage& message, std::int64_t /*now_ns*/) {
  if (connection_) connection_->send(std::make_shared<const std::string>(encode(message)));
}

void RemoteCoordinator::exchange(std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  connection_->flush();
  const bool open = connection_->read();
  std::string line;
  while (connection_ && connection_->next_line(line)) {
    if (auto message = decode(line)) {
      take(*std::move(message), now_ns, inbox);
    } else {
      lose("sent what is no line of bosen's job control", now_ns, inbox);
    }
  }
  if (!connection_ || connection_->ended_because().empty()) return;
  lose((open ? "sent " : "died: ") + connection_->ended_because(), now_ns, inbox);
}

void RemoteCoordinator::take(ControlMessage message, std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  heard_ns_ = now_ns;
  if (state_ == State::kGreeting) {
    state_ = State::kAdmitted;
    heartbeat_due_ns_ = now_ns + limits::kHeartbeatNs;
    static_cast<void>(stall_.stalled_ns(now_ns));
  }
  if (const auto* entry = std::get_if<MemberEntry>(&message); entry != nullptr && entry->member.rank == 0) {
    rank_zero_ = entry->member;
  }
  const bool is_last = std::holds_alternative<Released>(message) || std::holds_alternative<Failed>(message);
  inbox.push_back(std::move(message));
  if (!is_last) return;
  state_ = State::kEnded;
  connection_.reset();
}

void RemoteCoordinator::lose(const std::string& fate, std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  if (state_ == State::kGreeting) {
    return pause("it hung up without an answer, as it does where it is of another job or no bosen program", now_ns);
  }
  end({ErrorKind::kPeerLost, name_of_rank_zero() + ' ' + fate}, inbox);
}

void RemoteCoordinator::end(Failed failure, std::vector<ControlMessage>& inbox) {
  state_ = State::kEnded;
  connector_.reset();
  connection_.reset();
  inbox.emplace_back(std::move(failure));
}

void RemoteCoordinator::mind_the_time(std::int64_t now_ns, std::vector<ControlMessage>& inbox) {
  if (state_ == State::kEnded) return;
  if (state_ == State::kAdmitted) {
    if (now_ns < heartbeat_due_ns_) return;
    heartbeat_due_ns_ = now_ns + limits::kHeartbeatNs;
    heard_ns_ += stall_.stalled_ns(now_ns);
    if (now_ns - heard_ns_ >= limits::kPeerSilenceNs) return lose("is lost: " + silence_text(), now_ns, inbox);
    return send(Heartbeat{}, now_ns);
  }
  const std::string waited = seconds_text(now_ns - options_.started_ns);
  const std::string where = "rank 0 at " + to_string(options_.address);
  if (now_ns >= options_.deadline_ns) {
    return end(
        {ErrorKind::kTimeout, describe(options_.hello.member) + " could not reach " + where + " for " + waited + ": " +
                                  problem_ + "; see whether rank 0 was started and whether a firewall is between"},
        inbox);
  }
  if (now_ns >= notice_due_ns_) {
    notice_due_ns_ = now_ns + limits::kQuietWaitNs;
    options_.notice("has waited for " + waited + " for " + where + ": " + problem_);
  }
  if (state_ == State::kGreeting && now_ns >= attempt_until_ns_)
    pause("it accepted the connection, but did not answer", now_ns);
  if (state_ == State::kPausing && now_ns >= attempt_until_ns_) attempt(now_ns);
}

std::string RemoteCoordinator::name_of_rank_zero() const {
  return rank_zero_ ? describe(*rank_zero_) : "rank 0 at " + to_string(options_.address);
}

}  // namespace bosen::runtime
