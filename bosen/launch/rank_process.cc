#include "bosen/launch/rank_process.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "bosen/base/assert.h"

namespace bosen::launch {
namespace {

/// How long the output of what a rank has left behind is waited for after the child process has ended.
constexpr std::chrono::seconds kDrain{1};

/// How long an ssh may live on after its rank has ended: the other side ends what is left of the rank in 5 s.
constexpr std::chrono::seconds kRemoteCleanup{8};

}  // namespace

RankProcess::RankProcess(Rank rank, std::string host_name, Guardian& guardian)
    : guardian_(guardian), rank_(rank), host_(std::move(host_name)) {}

void RankProcess::tick(Deadline /*now*/) {}

std::string RankProcess::describe() const {
  return program_pid_ > 0 ? fmt::format("rank {} on {} (pid {})", rank_, host_, program_pid_)
                          : fmt::format("rank {} on {}", rank_, host_);
}

void RankProcess::adopt(ChildProcess child) {
  child_ = std::move(child);
  guardian_.protect(child_.pid);
}

void RankProcess::refuse(std::string why) {
  if (refusal_.empty()) refusal_ = std::move(why);
}

void RankProcess::set_ending(const Ending& ending) {
  ending_ = ending;
  state_ = State::kEnded;
}

void RankProcess::add_poll(std::vector<pollfd>& polled, bool read) const {
  for (const UniqueFd* fd : {&child_.out, &child_.err}) {
    if (*fd && read) polled.push_back({fd->get(), POLLIN, 0});
  }
}

bool RankProcess::owns(int fd) const {
  return fd >= 0 && (fd == child_.in.get() || fd == child_.out.get() || fd == child_.err.get());
}

std::optional<RankProcess::Output> RankProcess::on_ready(int fd) {
  const Stream stream = fd == child_.out.get() ? Stream::kOut : Stream::kErr;
  UniqueFd& source = stream == Stream::kOut ? child_.out : child_.err;
  std::array<char, 65536> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills what is used
  const ssize_t got = ::read(source.get(), chunk.data(), chunk.size());
  if (got > 0) return Output{stream, absorb(stream, std::string(chunk.data(), static_cast<std::size_t>(got)))};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return std::nullopt;
  source.reset();
  return Output{stream, absorb_end(stream)};
}

void RankProcess::look_at_child() {
  if (!has_child() || child_gone_) return;
  siginfo_t info{};
  const int looked = ::waitid(P_PID, static_cast<id_t>(child_.pid), &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked != 0 || info.si_pid == 0) return;
  child_gone_ = true;
  // What CLD_EXITED and its like say, in waitpid()'s form.
  child_status_ = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : W_EXITCODE(0, info.si_status);
}

void RankProcess::check_child(Deadline now, bool paused) {
  if (!has_child()) return;
  if (!child_gone_) {
    if (state_ == State::kEnded && !abandon_at_) abandon_at_ = now + kRemoteCleanup;
    if (abandon_at_ && now >= *abandon_at_) abandon();
    return;
  }
  if (paused || !drain_until_) drain_until_ = now + kDrain;
  const bool drained = (!child_.out && !child_.err) || now >= *drain_until_;
  if (child_status_ && (drained || ending_is_in_status())) {
    child_ended(*child_status_);
    child_status_.reset();
  }
  if (drained) finish();
}

void RankProcess::finish() {
  // Whatever the rank has left behind in its process group goes with it; the unreaped child keeps the group's number
  // ours till here.
  ::kill(-child_.pid, SIGKILL);
  while (::waitpid(child_.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  guardian_.release(child_.pid);
  child_.pid = -1;
  child_.in.reset();
  child_.out.reset();
  child_.err.reset();
  state_ = State::kFinished;
}

void RankProcess::abandon() {
  if (has_child()) {
    ::kill(-child_.pid, SIGKILL);
  } else {
    state_ = State::kFinished;
  }
}

LocalRank::LocalRank(Rank rank, std::string host_name, Guardian& guardian, ChildRequest request)
    : RankProcess(rank, std::move(host_name), guardian), request_(std::move(request)) {}

void LocalRank::prepare() {
  request_.command.front() = find_program(request_.command.front());
  state_ = State::kReady;
}

void LocalRank::start() {
  BOSEN_ASSERT(state_ == State::kReady);
  adopt(start_child(request_));
  program_pid_ = child_.pid;
  state_ = State::kRunning;
}

void LocalRank::send_signal(int signal) {
  if (state_ != State::kRunning) return;
  signalled_ = true;
  ::kill(-child_.pid, signal);
}

std::string LocalRank::absorb(Stream /*stream*/, std::string bytes) { return bytes; }

std::string LocalRank::absorb_end(Stream /*stream*/) { return {}; }

bool LocalRank::ending_is_in_status() const { return true; }

void LocalRank::child_ended(int status) { set_ending(ending_of_wait_status(rank(), status)); }

}  // namespace bosen::launch
