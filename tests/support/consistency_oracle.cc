#include "tests/support/consistency_oracle.h"

#include <algorithm>

namespace bosen::testing {

ConsistencyOracle::ConsistencyOracle(const wire::TableSpec& spec, const core::Membership& members, int rows)
    : model_(core::consistency_model(spec.consistency, spec.staleness)),
      adds_(spec.updater.name == "add"),
      members_(members) {
  const auto count = static_cast<std::size_t>(members.worker_count());
  RowOfWorker row;
  row.before = {0};
  row.last_seen.resize(count, 0);
  row.barrier_floor.resize(count, 0);
  workers_.resize(count);
  for (Worker& worker : workers_) {
    worker.rows.resize(static_cast<std::size_t>(rows), row);
    worker.staleness = model_.staleness;
  }
}

void ConsistencyOracle::inc(WorkerId worker, int row, std::int64_t amount) {
  workers_[static_cast<std::size_t>(worker)].rows[static_cast<std::size_t>(row)].made += amount;
}

void ConsistencyOracle::advance(WorkerId worker, bool finishes, Clock staleness) {
  Worker& own = workers_[static_cast<std::size_t>(worker)];
  ++own.clock;
  own.staleness = staleness;
  own.finished = finishes;
  for (RowOfWorker& row : own.rows) {
    row.advanced = row.made;
    row.before.push_back(row.made);
  }
}

void ConsistencyOracle::arrive_at_barrier(WorkerId worker) {
  for (RowOfWorker& row : workers_[static_cast<std::size_t>(worker)].rows) row.at_barrier.push_back(row.advanced);
}

void ConsistencyOracle::pass_barrier(WorkerId worker) {
  std::vector<RowOfWorker>& rows = workers_[static_cast<std::size_t>(worker)].rows;
  const std::size_t barrier = workers_[static_cast<std::size_t>(worker)].barriers_passed++;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t other = 0; other < workers_.size(); ++other) {
      rows[row].barrier_floor[other] = workers_[other].rows[row].at_barrier[barrier];
    }
  }
}

std::int64_t ConsistencyOracle::before(WorkerId worker, int row, Clock clock) const {
  const std::vector<std::int64_t>& sums = at(worker).of(row).before;
  if (clock <= 0) return 0;
  return sums[std::min(static_cast<std::size_t>(clock), sums.size() - 1)];
}

ConsistencyOracle::Bounds ConsistencyOracle::bounds(WorkerId reader, WorkerId writer, int row) const {
  const RowOfWorker& written = at(writer).of(row);
  const Clock clock = at(reader).clock;
  if (model_.exact) {
    const bool own_unsent = reader == writer && adds_;
    const std::int64_t sum = own_unsent ? written.made : before(writer, row, clock);
    return {sum, sum};
  }
  if (reader == writer && adds_) return {written.made, written.made};
  Bounds result{0, written.advanced};
  if (model_.bounded) result.low = before(writer, row, clock - at(reader).staleness);
  if (adds_ && members_.rank_of_worker(reader) == members_.rank_of_worker(writer)) result.low = written.advanced;
  const RowOfWorker& seen = at(reader).of(row);
  const auto column = static_cast<std::size_t>(writer);
  result.low = std::max({result.low, seen.last_seen[column], seen.barrier_floor[column]});
  return result;
}

std::string ConsistencyOracle::check_lead(WorkerId reader) const {
  if (!model_.bounded) return {};
  for (std::size_t other = 0; other < workers_.size(); ++other) {
    if (workers_[other].finished || workers_[other].clock >= at(reader).clock - at(reader).staleness) continue;
    return "it is at clock " + std::to_string(at(reader).clock) + " while worker " + std::to_string(other) +
           " is at clock " + std::to_string(workers_[other].clock);
  }
  return {};
}

std::string ConsistencyOracle::check_read(WorkerId worker, int row, std::span<const std::int64_t> counts) {
  std::string problem = check_lead(worker);
  RowOfWorker& own = workers_[static_cast<std::size_t>(worker)].rows[static_cast<std::size_t>(row)];
  for (std::size_t writer = 0; writer < counts.size(); ++writer) {
    const Bounds allowed = bounds(worker, static_cast<WorkerId>(writer), row);
    if (counts[writer] < allowed.low || counts[writer] > allowed.high) {
      problem += (problem.empty() ? "" : "; ") + std::string("it sees ") + std::to_string(counts[writer]) +
                 " of worker " + std::to_string(writer) + " (at clock " +
                 std::to_string(clock(static_cast<WorkerId>(writer))) + "), allowed is " + std::to_string(allowed.low) +
                 " to " + std::to_string(allowed.high);
    }
    own.last_seen[writer] = std::max(own.last_seen[writer], counts[writer]);
  }
  if (problem.empty()) return {};
  return "worker " + std::to_string(worker) + " at clock " + std::to_string(clock(worker)) + " reads row number " +
         std::to_string(row) + ": " + problem;
}

}  // namespace bosen::testing
