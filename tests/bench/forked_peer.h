#pragma once

// Runs the other side of a measurement in a process of its own, as in a job. The two talk through a pipe until they
// have found each other.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace bosen::bench {

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

/// A line of text from one process to the other.
class LinePipe {
 public:
  LinePipe() {
    if (::pipe(ends_.data()) != 0) fail("pipe");
  }
  ~LinePipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  LinePipe(const LinePipe&) = delete;
  LinePipe& operator=(const LinePipe&) = delete;

  void write(const std::string& line) const {
    const std::string text = line + "\n";
    if (::write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
  }
  [[nodiscard]] std::string read() const {
    std::string line;
    for (char c = 0; ::read(ends_[0], &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  std::array<int, 2> ends_{};
};

/// Starts `peer` in a child process, runs `driver` here, waits for the child and returns what the driver returned. Both
/// get the pipe; neither may leave threads behind.
inline double with_forked_peer(const std::function<void(const LinePipe&)>& peer,
                               const std::function<double(const LinePipe&)>& driver) {
  const LinePipe pipe;
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    peer(pipe);
    std::_Exit(EXIT_SUCCESS);
  }
  const double result = driver(pipe);
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) fail("peer process");
  return result;
}

/// Seconds that `work` takes.
inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace bosen::bench
