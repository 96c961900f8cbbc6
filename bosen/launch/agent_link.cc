#include "bosen/launch/agent_link.h"

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "bosen/launch/socket.h"

namespace bosen::launch {
namespace {

constexpr std::size_t kMaxErrors = 16384;
constexpr double kEndSeconds = 2;

/// Reads what is there; false once the stream has ended.
bool read_available(const UniqueFd& fd, std::string& text) {
  std::array<char, 4096> chunk{};
  const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
  if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

}  // namespace

AgentLink::AgentLink(const ChildRequest& request, const std::string& nonce, std::string script)
    : child_(start_child(request)), filter_(nonce), input_(std::move(script)) {}

AgentLink::~AgentLink() {
  hang_up();
  if (reap(kEndSeconds)) return;
  kill();
  reap(kEndSeconds);
}

void AgentLink::hang_up() { child_.in.reset(); }

void AgentLink::kill() {
  if (child_.pid > 0) ::kill(-child_.pid, SIGKILL);
}

bool AgentLink::reap(double patience_s) {
  if (child_.pid <= 0) return true;
  const Deadline deadline = deadline_after(patience_s);
  int status = 0;
  while (::waitpid(child_.pid, &status, WNOHANG) != child_.pid) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    constexpr int kLookAgainMs = 10;
    ::poll(nullptr, 0, kLookAgainMs);
  }
  child_.pid = -1;
  constexpr int kSignalBase = 128;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
  return true;
}

int AgentLink::exit_code() {
  reap(kEndSeconds);
  return exit_code_;
}

void AgentLink::send(std::string_view command) {
  input_.append(command);
  input_ += '\n';
  write_input();
}

void AgentLink::write_input() {
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
}

void AgentLink::add_poll(std::vector<pollfd>& polled) const {
  if (child_.in && !input_.empty()) polled.push_back({child_.in.get(), POLLOUT, 0});
  for (const UniqueFd* fd : {&child_.out, &child_.err}) {
    if (*fd) polled.push_back({fd->get(), POLLIN, 0});
  }
}

std::vector<std::string> AgentLink::serve() {
  write_input();
  if (child_.err && !read_available(child_.err, errors_)) child_.err.reset();
  if (errors_.size() > kMaxErrors) errors_.resize(kMaxErrors);
  std::vector<std::string> reports;
  if (!child_.out) return reports;
  std::string bytes;
  const bool open = read_available(child_.out, bytes);
  for (ReportFilter::Piece& piece : filter_.feed(bytes)) {
    if (piece.is_report) reports.push_back(std::move(piece.text));
  }
  if (!open) child_.out.reset();
  return reports;
}

}  // namespace bosen::launch
