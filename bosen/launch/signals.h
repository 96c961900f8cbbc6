#pragma once

// The signals that bosen run serves in its loop: SIGINT, SIGTERM and SIGHUP stop the job, SIGCHLD says that a child has
// ended. They are blocked while this object lives, and SIGPIPE is ignored. A SIGHUP that was ignored before, as under
// nohup, still is. One at a time; single-threaded.

#include <csignal>
#include <vector>

#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when a signal has come.
  [[nodiscard]] int poll_fd() const { return fd_.get(); }

  /// The signals that have come since the last call.
  std::vector<int> take();

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

}  // namespace bosen::launch
