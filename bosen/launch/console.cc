#include "bosen/launch/console.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "bosen/launch/limits.h"

namespace bosen::launch {

Console::Console() {
  targets_[0].fd = STDOUT_FILENO;
  targets_[1].fd = STDERR_FILENO;
  struct stat out {};
  struct stat err {};
  same_target_ = ::fstat(STDOUT_FILENO, &out) == 0 && ::fstat(STDERR_FILENO, &err) == 0 && out.st_dev == err.st_dev &&
                 out.st_ino == err.st_ino;
}

void Console::write(Stream stream, std::string_view lines) {
  Target& target = targets_.at(static_cast<std::size_t>(stream));
  if (!target.closed) target.pending.append(lines);
}

void Console::say(std::string_view message) { write(Stream::kErr, fmt::format("bosen run: {}\n", message)); }

bool Console::is_full() const {
  return std::any_of(targets_.begin(), targets_.end(),
                     [](const Target& target) { return target.pending.size() - target.written > kMaxPendingOutput; });
}

OutputMux::Colour Console::colour() const {
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return {};
  return {::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
}

bool Console::may_write(std::size_t target) const {
  const bool blocked = same_target_ && targets_[1 - target].mid_line;
  return !targets_[target].pending.empty() && !targets_[target].closed && !blocked;
}

void Console::add_poll(std::vector<pollfd>& polled) const {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (may_write(i)) polled.push_back({targets_[i].fd, POLLOUT, 0});
  }
}

void Console::write_ready(const std::vector<pollfd>& polled) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const bool ready = std::any_of(polled.begin(), polled.end(), [&](const pollfd& entry) {
      return entry.fd == targets_[i].fd && entry.events == POLLOUT && entry.revents != 0;
    });
    if (ready && may_write(i)) write_some(targets_[i]);
  }
}

void Console::write_some(Target& target) {
  // A pipe that is ready takes PIPE_BUF bytes without blocking; so much at a time, and up to the end of a line where
  // there is one.
  std::string_view text = std::string_view(target.pending).substr(target.written, PIPE_BUF);
  const std::size_t end = text.rfind('\n');
  if (end != std::string_view::npos) text = text.substr(0, end + 1);
  const ssize_t written = ::write(target.fd, text.data(), text.size());
  if (written < 0) {
    if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) return;
    target = Target{.fd = target.fd, .closed = true, .error = errno};
    return;
  }
  const auto count = static_cast<std::size_t>(written);
  if (count > 0) target.mid_line = text[count - 1] != '\n';
  target.written += count;
  if (target.written == target.pending.size()) {
    target.pending.clear();
    target.written = 0;
  } else if (target.written > target.pending.size() / 2) {  // so that each byte is moved once at most
    target.pending.erase(0, target.written);
    target.written = 0;
  }
}

void Console::flush(Deadline deadline, int stop_fd) {
  for (;;) {
    std::vector<pollfd> polled;
    add_poll(polled);
    if (polled.empty() || std::chrono::steady_clock::now() >= deadline) return;
    polled.push_back({stop_fd, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), poll_timeout_ms(deadline)) <= 0) continue;
    if (polled.back().revents != 0) return;
    write_ready(polled);
  }
}

}  // namespace bosen::launch
