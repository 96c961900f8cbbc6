#include "bosen/launch/guardian.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <string>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

/// Reads group numbers, negative when released, until the pipe breaks; then kills the groups that are left.
[[noreturn]] void guard(int pipe) {
  ::setsid();
  ::prctl(PR_SET_NAME, "bosen-guardian");
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_IGN);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  std::set<pid_t> groups;
  for (;;) {
    pid_t group = 0;
    const ssize_t got = ::read(pipe, &group, sizeof(group));
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof(group))) break;
    if (group > 0) {
      groups.insert(group);
    } else {
      groups.erase(-group);
    }
  }
  for (const pid_t group : groups) ::kill(-group, SIGKILL);
  ::_exit(0);
}

void tell(int pipe, pid_t group) {
  ssize_t sent = 0;
  do {
    sent = ::write(pipe, &group, sizeof(group));  // far below PIPE_BUF, so in one piece
  } while (sent < 0 && errno == EINTR);
}

}  // namespace

Guardian::Guardian() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kUsage, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  UniqueFd read_end(ends[0]);
  pipe_.reset(ends[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw Error(ErrorKind::kUsage, std::string("cannot start a process: ") + std::strerror(errno));
  if (pid_ == 0) {
    pipe_.reset();
    guard(read_end.get());
  }
}

Guardian::~Guardian() {
  pipe_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Guardian::protect(pid_t group) { tell(pipe_.get(), group); }

void Guardian::release(pid_t group) { tell(pipe_.get(), -group); }

}  // namespace bosen::launch
