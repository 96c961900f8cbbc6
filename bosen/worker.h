#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

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

  /// Waits until every worker of the job has called it as often as this one; one that ends without is an error.
  /// Afterwards every read shows all updates that were advanced before (under `bsp`, as far as its exactness allows).
  void barrier();

  /// Whether it is time for a checkpoint: --checkpoint-every says each how many clocks. The same for all workers at the
  /// same clock.
  [[nodiscard]] bool checkpoint_due() const;
  /// Saves the job: all tables, and what workers keep, as they are when every worker of the job has called it, between
  /// an advance() and the next clock's first inc. A barrier; the files are written while workers go on. A job that
  /// is given the checkpoint with --resume has its workers begin with its clock(), and they should go on as after this
  /// call:
  ///
  ///     while (worker.clock() < clocks) {
  ///       if (worker.checkpoint_due()) worker.checkpoint();
  ///       ...
  ///       worker.advance();
  ///     }
  ///
  /// Messages on channels are in no checkpoint: receive before what was sent before. Only in apps that say
  /// App::makes_checkpoints().
  void checkpoint();

  /// Has checkpoints hold memory of the worker's own, which stays in place until the worker ends. Where the job goes on
  /// from one, fills it and returns true. Throws Error(kUsage) where that was made by another number of workers, but
  /// with kIfPossible returns false then.
  enum class Keep { kAlways, kIfPossible };
  template <class T, std::size_t kExtent>
  bool keep(const std::string& name, std::span<T, kExtent> values, Keep rule = Keep::kAlways) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>, "of a vector, keep a span");
    return keep_bytes(name, std::as_writable_bytes(values), rule);
  }
  template <class T>
  bool keep(const std::string& name, T& value, Keep rule = Keep::kAlways) {
    return keep(name, std::span<T>(&value, 1), rule);
  }

  [[nodiscard]] runtime::WorkerContext& context() { return *context_; }

 private:
  bool keep_bytes(const std::string& name, std::span<std::byte> memory, Keep rule);

  runtime::WorkerContext* context_;
};

}  // namespace bosen
