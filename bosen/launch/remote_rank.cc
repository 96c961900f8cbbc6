#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "bosen/base/assert.h"
#include "bosen/launch/rank_process.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

/// What ssh says before the rank is ready is kept up to here.
constexpr std::size_t kMaxConnectingErrors = 16384;

}  // namespace

RemoteRank::RemoteRank(Rank rank, const Host& host, Guardian& guardian, SshSettings ssh, RemoteProgram program)
    : RankProcess(rank, host.name, guardian),
      target_(host),
      ssh_(std::move(ssh)),
      child_request_{ssh_command(ssh_, host), own_environment(), true},
      program_(std::move(program)),
      filters_{ReportFilter(program_.nonce), ReportFilter(program_.nonce)} {
  child_request_.command.front() = find_ssh(child_request_.command.front());
}

void RemoteRank::prepare() {
  adopt(start_child(child_request_));
  input_ = remote_script(program_);
  state_ = State::kPreparing;
}

void RemoteRank::start() {
  BOSEN_ASSERT(state_ == State::kReady);
  start_sent_ = true;
  send_line("start");
}

void RemoteRank::send_signal(int signal) {
  if (state_ == State::kEnded || state_ == State::kFinished || state_ == State::kIdle) return;
  signalled_ = true;
  if (start_sent_) {
    send_line(signal_name(signal).substr(std::strlen("SIG")));
    return;
  }
  // Nothing runs there yet.
  close_input_ = true;
  input_.clear();
  write_input();
  ::kill(-child_.pid, SIGTERM);
}

void RemoteRank::tick(Deadline now) {
  if (state_ != State::kRunning || now < next_beat_) return;
  next_beat_ = now + kRemoteBeat;
  // A peer that takes nothing needs no further beats.
  if (input_.empty()) send_line("beat");
}

void RemoteRank::send_line(std::string_view line) {
  input_ += fmt::format("{}\n", line);
  write_input();
}

void RemoteRank::write_input() {
  while (child_.in && !input_.empty()) {
    const ssize_t written = ::write(child_.in.get(), input_.data(), input_.size());
    if (written > 0) {
      input_.erase(0, static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      child_.in.reset();
    }
  }
  if (close_input_) child_.in.reset();
}

void RemoteRank::add_poll(std::vector<pollfd>& polled, bool read) const {
  RankProcess::add_poll(polled, read);
  if (child_.in && !input_.empty()) polled.push_back({child_.in.get(), POLLOUT, 0});
}

std::optional<RankProcess::Output> RemoteRank::on_ready(int fd) {
  if (fd != child_.in.get()) return RankProcess::on_ready(fd);
  write_input();
  return std::nullopt;
}

std::string RemoteRank::absorb(Stream stream, std::string bytes) {
  std::string output;
  for (const ReportFilter::Piece& piece : filters_.at(static_cast<std::size_t>(stream)).feed(bytes)) {
    if (piece.is_report) {
      on_report(piece.text);
    } else if (stream == Stream::kOut) {
      if (output_begins_) output += piece.text;
    } else if (state_ == State::kPreparing) {
      const std::size_t room = kMaxConnectingErrors - std::min(kMaxConnectingErrors, connecting_errors_.size());
      connecting_errors_.append(piece.text, 0, room);
    } else {
      output += piece.text;
    }
  }
  return output;
}

std::string RemoteRank::absorb_end(Stream stream) {
  const std::string held = filters_.at(static_cast<std::size_t>(stream)).finish();
  return output_begins_ ? held : std::string();
}

void RemoteRank::on_report(const std::string& report) {
  const std::size_t blank = report.find(' ');
  const std::string_view word = std::string_view(report).substr(0, blank);
  const std::string_view rest =
      blank == std::string::npos ? std::string_view() : std::string_view(report).substr(blank + 1);
  if (word == "stdout") {
    output_begins_ = true;
  } else if (word == "ready" && state_ == State::kPreparing) {
    state_ = State::kReady;
  } else if (word == "started" && state_ == State::kReady) {
    program_pid_ = parse_number<pid_t>(rest).value_or(0);
    state_ = State::kRunning;
  } else if (word == "refused" && state_ == State::kPreparing) {
    refuse(explain_refusal(rest));
  } else if (word == "exit" && state_ == State::kRunning) {
    set_ending(ending_of_shell_code(rank(), parse_number<int>(rest).value_or(1)));
    close_input_ = true;
    write_input();
  }
}

std::string RemoteRank::explain_refusal(std::string_view reason) const {
  const std::string start = fmt::format("{}: host '{}': ", target_.where, target_.name);
  if (reason == "nofolder") {
    return start + fmt::format("there is no folder '{}', or it cannot be entered: share it, or copy the job there",
                               program_.folder);
  }
  if (reason == "noprogram") {
    return start +
           fmt::format("there is no program '{}' to run there (from the folder '{}'): share it, or install it there",
                       printable(program_.command.front()), program_.folder);
  }
  if (reason == "nosetsid") return start + "the command setsid is missing there: install util-linux";
  return start + printable(reason);
}

bool RemoteRank::ending_is_in_status() const { return false; }

void RemoteRank::child_ended(int status) {
  switch (state_) {
    case State::kPreparing:
      refuse(explain_ssh_failure(ssh_, target_, connecting_errors_,
                                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
      state_ = State::kEnded;
      break;
    case State::kReady:
    case State::kRunning:
      set_ending({rank(), Ending::Kind::kConnectionLost, 0});
      break;
    default:
      break;
  }
}

}  // namespace bosen::launch
