#pragma once

#include <cstddef>
#include <memory>

#include "bosen/base/types.h"

namespace bosen {

namespace runtime {
class WorkerContext;
}

/// One thread of the app with its own clock. Made by Cluster::run_workers and used by that thread alone.
class Worker {
 public:
  explicit Worker(runtime::WorkerContext& context) : context_(&context) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Its number among all workers of the job, from 0.
  [[nodiscard]] WorkerId id() const;
  /// Its number among the workers of its process, from 0.
  [[nodiscard]] int local_id() const;
  /// Number of workers of the job.
  [[nodiscard]] int count() const;

  /// How often this worker has advanced.
  [[nodiscard]] Clock clock() const;

  /// Ends the iteration on every table that was not advanced on its own: the worker's updates leave, its views end, its
  /// clock grows by one. Waits only where too much of what it makes has not left or can't be freed yet: for a peer that
  /// receives too slowly, or a worker of its process that computes many clocks behind.
  void advance();

  /// Waits until every worker of the job has called it as often as this one. Afterwards every read shows all updates
  /// that were advanced before (under `bsp`, as far as its exactness allows).
  void barrier();

  [[nodiscard]] runtime::WorkerContext& context() { return *context_; }

 private:
  runtime::WorkerContext* context_;
};

}  // namespace bosen
