#include "bosen/launch/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals() {
  sigset_t served;
  sigemptyset(&served);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&served, signal);
  // Once it is blocked, the system would queue it although it is ignored.
  if (is_ignored(SIGHUP)) sigdelset(&served, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &served, &before_);
  ::signal(SIGPIPE, SIG_IGN);
  // An ignored SIGCHLD would make children vanish before their exit codes are read.
  ::signal(SIGCHLD, SIG_DFL);
  fd_.reset(::signalfd(-1, &served, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw Error(ErrorKind::kUsage, std::string("cannot watch for signals: ") + std::strerror(errno));
}

Signals::~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

std::vector<int> Signals::take() {
  std::vector<int> signals;
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    signals.push_back(static_cast<int>(info.ssi_signo));
  }
  return signals;
}

}  // namespace bosen::launch
