#pragma once

// Ends the job's processes when bosen run cannot do it itself any more, as it was killed by SIGKILL. The guardian is a
// process in a session of its own that waits at a pipe; when the pipe breaks, it kills every process group that is
// still under its protection. (The kernel kills bosen run's direct children on its death; the guardian is for their
// children.) Single-threaded.

#include <sys/types.h>

#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

class Guardian {
 public:
  /// Starts the guardian. Throws Error(kUsage) where no process can be started.
  Guardian();
  /// Ends it.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  /// From now on the group dies with bosen run.
  void protect(pid_t group);
  /// The group has ended; its number may soon mean others.
  void release(pid_t group);

 private:
  pid_t pid_ = -1;
  UniqueFd pipe_;
};

}  // namespace bosen::launch
