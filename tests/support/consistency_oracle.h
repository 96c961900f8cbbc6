#pragma once

// Knows what every worker has done to one table, and so what a read may show. Every worker adds to its own column of a
// row, so that a read says how much of every worker is visible.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bosen/core/consistency_model.h"
#include "bosen/core/membership.h"
#include "bosen/wire/messages.h"

namespace bosen::testing {

class ConsistencyOracle {
 public:
  ConsistencyOracle(const wire::TableSpec& spec, const core::Membership& members, int rows);

  /// What the worker does. Rows are numbered from 0.
  void inc(WorkerId worker, int row, std::int64_t amount);
  /// `staleness` is the one in force for the clock that begins.
  void advance(WorkerId worker, bool finishes, Clock staleness);
  void advance(WorkerId worker, bool finishes) { advance(worker, finishes, model_.staleness); }
  void arrive_at_barrier(WorkerId worker);
  /// The worker has passed a barrier: it must see what the others had advanced before they arrived at it.
  void pass_barrier(WorkerId worker);

  [[nodiscard]] Clock clock(WorkerId worker) const { return at(worker).clock; }

  /// What is wrong with a read of `row` by `worker` that shows `counts` (by worker); empty: nothing.
  std::string check_read(WorkerId worker, int row, std::span<const std::int64_t> counts);

  /// All updates with timestamps below `clock`, which a checkpoint of that clock holds, and no others.
  [[nodiscard]] std::int64_t before(WorkerId worker, int row, Clock clock) const;

  /// All updates that were ever made, which rows must show in the end.
  [[nodiscard]] std::int64_t total(WorkerId worker, int row) const { return at(worker).of(row).made; }

 private:
  struct RowOfWorker {
    std::int64_t made = 0;                    // with what has not been advanced
    std::int64_t advanced = 0;                // sum of timestamps that were closed
    std::vector<std::int64_t> before;         // entry c: sum of timestamps below c, for closed clocks
    std::vector<std::int64_t> at_barrier;     // `advanced` when it arrived at each barrier
    std::vector<std::int64_t> last_seen;      // of other workers' columns, in this worker's reads
    std::vector<std::int64_t> barrier_floor;  // what others had advanced at the last barrier it passed
  };
  struct Worker {
    Clock clock = 0;
    Clock staleness = 0;  // in force for its reads
    bool finished = false;
    std::size_t barriers_passed = 0;
    std::vector<RowOfWorker> rows;
    [[nodiscard]] const RowOfWorker& of(int row) const { return rows[static_cast<std::size_t>(row)]; }
  };

  struct Bounds {
    std::int64_t low = 0;
    std::int64_t high = 0;
  };

  [[nodiscard]] const Worker& at(WorkerId worker) const { return workers_[static_cast<std::size_t>(worker)]; }
  [[nodiscard]] Bounds bounds(WorkerId reader, WorkerId writer, int row) const;
  [[nodiscard]] std::string check_lead(WorkerId reader) const;

  const core::ConsistencyModel model_;
  const bool adds_;  // the updater is add: own updates show before they are advanced
  const core::Membership members_;
  std::vector<Worker> workers_;
};

}  // namespace bosen::testing
