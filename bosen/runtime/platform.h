#pragma once

// What a process stands on: time, threads, a way to wait, and a way into its job. Real runs have the machine's
// (machine_platform.h); a simulation has virtual ones (bosen/sim) under the same client, shards and workers.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/core/link.h"
#include "bosen/core/membership.h"
#include "bosen/net/transport.h"
#include "bosen/runtime/participation.h"
#include "bosen/runtime/process_spec.h"
#include "bosen/runtime/shape_registry.h"
#include "bosen/runtime/waiter.h"

namespace bosen::runtime {

class Network;

/// What a process has once it has joined a job of several.
struct Joined {
  core::Membership members;
  std::uint64_t job = 0;                                      ///< marks the job's frames
  std::uint64_t run = 0;                                      ///< marks its checkpoints: no earlier job has the same
  std::vector<std::vector<store::CheckpointId>> usable = {};  ///< checkpoints from which each process can go on
  std::unique_ptr<net::Transport> transport;
  std::unique_ptr<Participation> participation;
};

/// Brings a network what arrives, and the passing of time, as long as it lives.
class NetworkDriver {
 public:
  virtual ~NetworkDriver() = default;
};

/// One a process; outlives it. Any thread.
class Platform {
 public:
  virtual ~Platform() = default;

  /// Of a steady clock, real or virtual.
  [[nodiscard]] virtual core::TimeNs now() const = 0;
  /// Seconds since 1970 as now() was 0, for people; 0 in a simulation, whose runs shall repeat.
  [[nodiscard]] virtual double epoch_s() const = 0;
  /// Whether time is virtual, and the job a simulation.
  [[nodiscard]] virtual bool is_simulated() const = 0;
  virtual void rest(core::TimeNs duration) = 0;
  /// The process's job has failed: rests end now, and where the process has not ended in limits::kEndWaitNs (its
  /// workers compute on, and look at nothing), the platform ends it with this line and its exit code.
  virtual void expect_end(const Error& cause) = 0;
  /// The process's workers have returned and it is on its way out: it tells the others and its user itself.
  virtual void end_begins() = 0;
  virtual std::unique_ptr<Waiter> make_waiter() = 0;

  /// Runs body(0) .. body(count - 1) side by side; returns when all have returned. They throw nothing. Where not all
  /// can be started none begins, and Error(kConfiguration) says so.
  virtual void run_side_by_side(int count, const std::function<void(int)>& body) = 0;

  /// How long a worker's computing of a clock takes, when it took `measured` here: the rest is slept.
  [[nodiscard]] virtual core::TimeNs computing_time(WorkerId worker, Clock clock, core::TimeNs measured) = 0;

  /// Joins the job; to be called where it has several processes. Throws Error where that fails.
  virtual Joined join(const ProcessSpec& spec, ShapeRegistry& shapes, BufferPool& pool, JobListener listener) = 0;
  virtual std::unique_ptr<NetworkDriver> drive(Network& network) = 0;
};

}  // namespace bosen::runtime
