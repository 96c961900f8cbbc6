#include "bosen/launch/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>

#include "bosen/base/error.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(ErrorKind::kUsage, what + ": " + std::strerror(error));
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Where a child's output goes: to us, or to the end of a file.
Pipe make_output(const std::string& log_file) {
  if (log_file.empty()) return make_pipe();
  UniqueFd file(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) fail("cannot write '" + log_file + "'", errno);
  return {UniqueFd(), std::move(file)};
}

bool is_executable(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// The first executable of that name in PATH; empty: none.
std::string search_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    std::string candidate = (folder.empty() ? "." : std::string(folder)) + "/" + name;
    if (!name.empty() && is_executable(candidate)) return candidate;
  }
  return "";
}

void make_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// The soft limit of open files that allow_open_files() found; children get it back.
std::optional<rlimit>& original_file_limit() {
  static std::optional<rlimit> limit;
  return limit;
}

/// What the child does between fork and exec: system calls only.
[[noreturn]] void become(const ChildRequest& request, std::span<const int, 3> streams, int error_pipe, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before the kernel was told to watch it
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (const auto& limit = original_file_limit()) ::setrlimit(RLIMIT_NOFILE, &*limit);
  for (int fd = 0; fd < 3; ++fd) ::dup2(streams[static_cast<std::size_t>(fd)], fd);
  const std::vector<char*> argv = pointers(request.command);
  const std::vector<char*> environment = pointers(request.environment);
  ::execvpe(argv[0], argv.data(), environment.data());
  const int error = errno;
  static_cast<void>(::write(error_pipe, &error, sizeof(error)));
  ::_exit(127);
}

}  // namespace

ChildProcess start_child(const ChildRequest& request) {
  Pipe in = request.takes_input ? make_pipe() : Pipe{UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), UniqueFd()};
  Pipe out = make_output(request.log_file);
  Pipe err = make_output(request.log_file);
  Pipe failure = make_pipe();
  const pid_t parent = ::getpid();
  ChildProcess child;
  child.pid = ::fork();
  if (child.pid < 0) fail("cannot start a process", errno);
  if (child.pid == 0) {
    const std::array<int, 3> streams = {in.read.get(), out.write.get(), err.write.get()};
    become(request, streams, failure.write.get(), parent);
  }
  ::setpgid(child.pid, child.pid);  // whoever of us is first; both must be able to rely on it
  failure.write.reset();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(failure.read.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof(error))) {
    ::waitpid(child.pid, nullptr, 0);
    fail("cannot run '" + printable(request.command.front()) + "'", error);
  }
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  for (const UniqueFd* fd : {&child.in, &child.out, &child.err}) {
    if (*fd) make_non_blocking(fd->get());
  }
  return child;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_executable(name)) return name;
    const int error = ::access(name.c_str(), F_OK) == 0 ? EACCES : errno;
    fail("cannot run '" + printable(name) + "'", error);
  }
  if (const std::string found = search_path(name); !found.empty()) return found;
  const bool here = is_executable("./" + name);
  throw Error(ErrorKind::kUsage, fmt::format("cannot run '{}': there is no such program in PATH{}", printable(name),
                                             here ? fmt::format("; did you mean './{}'?", printable(name)) : ""));
}

bool is_in_path(const std::string& name) { return !search_path(name).empty(); }

std::string program_beside(const std::string& folder, const std::string& name) {
  const std::string beside = folder + "/" + name;
  return name.find('/') == std::string::npos && ::access(beside.c_str(), X_OK) == 0 ? beside : name;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) variables.emplace_back(*entry);
  return variables;
}

std::vector<std::string> with_variables(std::vector<std::string> base,
                                        const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    const std::string start = name + "=";
    std::erase_if(base, [&](const std::string& entry) { return entry.starts_with(start); });
    base.push_back(start + value);
  }
  return base;
}

void allow_open_files(std::size_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count) return;
  if (limit.rlim_max < count) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("so many processes need {} open files, and the limit is {}: raise it (ulimit -Hn) or start fewer",
                    count, limit.rlim_max));
  }
  original_file_limit() = limit;
  limit.rlim_cur = count;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("cannot raise the limit of open files", errno);
}

}  // namespace bosen::launch
