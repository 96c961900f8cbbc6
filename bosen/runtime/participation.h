#pragma once

#include "bosen/base/error.h"

namespace bosen::runtime {

/// A process's part in its job. Any thread.
class Participation {
 public:
  virtual ~Participation() = default;

  /// Says that this process is done with the job, and waits until every other is. Returns false where the job failed
  /// meanwhile.
  virtual bool leave() = 0;

  /// Tells all processes that this one ends the job, and why.
  virtual void abort(const Error& cause) = 0;
};

}  // namespace bosen::runtime
