#pragma once

// How the processes of a job find each other, notice that one has gone, and leave together: one TCP connection from
// every process to rank 0's coordinator, a JSON object a line (control_protocol.h). It lives in a thread of its own.
//
// A process is gone when its connection ends before the job does, at once, or after limits::kPeerSilenceNs without a
// sign of life. The coordinator then tells all others; where it is gone itself, they notice so.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/types.h"
#include "bosen/runtime/job_spec.h"
#include "bosen/runtime/participation.h"

namespace bosen::runtime {

/// What a process says of itself when it joins.
struct Member {
  Rank rank = 0;
  std::string host;     ///< as in the host list
  std::string machine;  ///< the same for processes that can share ipc endpoints
  std::int64_t pid = 0;
  std::string version;  ///< of bosen and of its frames; all must be the same
  int workers = 0;      ///< 0: a dedicated server
  int shards = 0;
  std::vector<std::string> addresses;         ///< of its transport
  Clock checkpoint_every = 0;                 ///< clocks; all must say the same
  std::vector<std::string> checkpoints = {};  ///< from which it can go on (starting_point.h)
  friend bool operator==(const Member&, const Member&) = default;
};

/// Owned by the process, of which it is one; not for a job of one process. Its functions may be called from any thread.
class JobControl final : public Participation {
 public:
  /// Joins the job: returns when all processes have, or throws: Error(kTimeout) naming who is missing and for how long,
  /// Error(kConfiguration) where versions differ or a rank is there twice, Error(kPeerLost) where another process died
  /// meanwhile, Error(kNetwork) where rank 0 can't listen.
  ///
  /// The control thread calls the listener; it must not destroy the JobControl, and may be called before the
  /// constructor has returned. A failure's text names rank, host and cause; there is none for what the constructor
  /// throws, nor for the process's own `abort`.
  JobControl(const JobSpec& spec, const Member& own, JobListener listener);
  /// Ends the connection; the others take this process for dead unless it comes after `leave` or `abort`. Rank 0 waits
  /// until the others know how the job has ended, at most a few seconds.
  ~JobControl() override;
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  /// All members, by rank.
  [[nodiscard]] const std::vector<Member>& members() const;

  /// Says that this process is done with the job, and waits until every other is, so that no process closes connections
  /// that another still needs. Returns false where the job failed meanwhile.
  bool leave() override;

  /// Tells all processes that this one ends the job, and why ("rank 2 (host node3) ended the job: CAUSE"); to them it
  /// is an error of the same kind, so that all end with the same exit code. Returns when the coordinator has taken
  /// note, or after a few seconds. Does nothing where the job is over.
  void abort(const Error& cause) override;
  void abort_soon(const Error& cause) override;

  /// Does nothing where it is longer than kControlStatusBytesMax bytes.
  void report(std::string status) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bosen::runtime
