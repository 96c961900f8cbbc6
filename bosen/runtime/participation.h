#pragma once

#include <functional>
#include <string>

#include "bosen/base/error.h"

namespace bosen::runtime {

/// What a process is told by its job.
struct JobListener {
  /// At most once, when the job can't go on. It must not block.
  std::function<void(const Error& cause)> on_failure;
  /// On rank 0: what another process reports of itself. It must not block.
  std::function<void(const std::string& status)> on_status = {};
};

/// A process's part in its job. Any thread.
class Participation {
 public:
  virtual ~Participation() = default;

  /// Says that this process is done with the job, and waits until every other is. Returns false where the job failed
  /// meanwhile.
  virtual bool leave() = 0;

  /// Tells all processes that this one ends the job, and why.
  virtual void abort(const Error& cause) = 0;

  /// The same without waiting until they know: for threads that others wait for.
  virtual void abort_soon(const Error& cause) = 0;

  /// Tells rank 0 how this process is; only the latest word counts.
  virtual void report(std::string status) = 0;
};

}  // namespace bosen::runtime
