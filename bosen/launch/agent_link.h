#pragma once

// The launcher's end of one preflight agent: the child process (ssh, or the agent itself on this host), commands to it,
// reports from it. Owned and driven by the preflight's loop; single-threaded; never blocks.

#include <poll.h>

#include <string>
#include <string_view>
#include <vector>

#include "bosen/launch/child_process.h"
#include "bosen/launch/ssh.h"

namespace bosen::launch {

class AgentLink {
 public:
  /// Starts the child, whose stdin begins with `script`. Throws Error.
  AgentLink(const ChildRequest& request, const std::string& nonce, std::string script);
  /// Hangs up and reaps the child, killing it where it does not end by itself soon.
  ~AgentLink();
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  void send(std::string_view command);
  /// Lets the child end, and does not wait for it.
  void hang_up();
  /// Ends a child of which nothing more is expected.
  void kill();

  void add_poll(std::vector<pollfd>& polled) const;
  /// Reads and writes what is ready; returns the reports that have come.
  std::vector<std::string> serve();

  /// Whether the child has closed its output: nothing more will come.
  [[nodiscard]] bool has_ended() const { return !child_.out && !child_.err; }
  /// What it wrote to stderr.
  [[nodiscard]] const std::string& errors() const { return errors_; }
  /// The child's exit code, once it has ended; waits a little for it.
  int exit_code();

 private:
  void write_input();
  bool reap(double patience_s);

  ChildProcess child_;
  ReportFilter filter_;
  std::string input_;
  std::string errors_;
  int exit_code_ = -1;
};

}  // namespace bosen::launch
