#include "bosen/launch/exit_status.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

constexpr int kSignalBase = 128;

}  // namespace

Ending ending_of_wait_status(Rank rank, int status) {
  if (WIFSIGNALED(status)) return {rank, Ending::Kind::kSignalled, WTERMSIG(status)};
  return {rank, Ending::Kind::kExited, WEXITSTATUS(status)};
}

Ending ending_of_shell_code(Rank rank, int code) {
  const int signal = code - kSignalBase;
  if (signal > 0 && ::sigabbrev_np(signal) != nullptr) return {rank, Ending::Kind::kSignalled, signal};
  return {rank, Ending::Kind::kExited, code};
}

std::string signal_name(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

std::string describe(const Ending& ending) {
  switch (ending.kind) {
    case Ending::Kind::kExited:
      return fmt::format("exited with code {}", ending.value);
    case Ending::Kind::kSignalled:
      return fmt::format("was killed by signal {} ({})", ending.value, signal_name(ending.value));
    case Ending::Kind::kConnectionLost:
      break;
  }
  return "was lost with its ssh connection";
}

void Outcome::rank_ended(const Ending& ending, bool by_us) {
  if (!ending.failed()) return;
  if (!cause_) {
    cause_ = ending;
    return;
  }
  const bool killed = ending.kind == Ending::Kind::kSignalled && !by_us;
  // ssh needs seconds to notice that a host is gone; its peers are faster.
  const bool lost_a_peer = cause_->value == bosen::exit_code(ErrorKind::kPeerLost);
  const bool lost = ending.kind == Ending::Kind::kConnectionLost && lost_a_peer;
  if (cause_->kind == Ending::Kind::kExited && (killed || lost)) cause_ = ending;
}

void Outcome::interrupted(int signal) {
  if (!signal_) signal_ = signal;
}

void Outcome::timed_out() { timed_out_ = true; }

void Outcome::refused() { refused_ = true; }

bool Outcome::may_go_better() const {
  if (refused_ || signal_ || timed_out_ || !cause_) return false;
  return cause_->kind != Ending::Kind::kExited || cause_->value != bosen::exit_code(ErrorKind::kUsage);
}

int Outcome::exit_code() const {
  if (refused_) return bosen::exit_code(ErrorKind::kUsage);
  if (signal_) return kSignalBase + *signal_;
  if (timed_out_) return bosen::exit_code(ErrorKind::kTimeout);
  if (!cause_) return 0;
  switch (cause_->kind) {
    case Ending::Kind::kExited:
      return cause_->value;
    case Ending::Kind::kSignalled:
      return kSignalBase + cause_->value;
    case Ending::Kind::kConnectionLost:
      break;
  }
  return bosen::exit_code(ErrorKind::kPeerLost);
}

}  // namespace bosen::launch
