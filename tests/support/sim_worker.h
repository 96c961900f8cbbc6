#pragma once

// A worker as a small machine that plans what it does in a clock and does it step by step, checking every read.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/consistency_oracle.h"
#include "tests/support/sim_scenario.h"

namespace bosen::testing {

/// What a job's workers share.
struct SimJob {
  const Scenario& scenario;
  SimCluster& cluster;
  std::vector<ConsistencyOracle> oracles;       // by table
  std::vector<std::vector<int>> barrier_waits;  // by process: by barrier: workers that have arrived
};

class SimWorker {
 public:
  SimWorker(SimJob& job, WorkerId id, SimRandom random);

  enum class Progress { kMoved, kWaits, kDone };
  /// Does the next thing, or finds that it has to wait.
  Progress step();

  [[nodiscard]] WorkerId id() const { return id_; }
  [[nodiscard]] Rank rank() const { return rank_; }
  [[nodiscard]] bool done() const { return done_; }
  /// The first thing that went wrong.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// What it does or waits for, for people.
  [[nodiscard]] std::string doing() const;

  struct Counts {
    std::int64_t reads = 0;
    std::int64_t misses = 0;
    std::int64_t messages = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  enum class Kind { kGet, kPrefetch, kInc, kAdvanceTable, kAdvance, kFinish, kArrive, kBarrier, kSend, kReceive };
  struct Op {
    Kind kind = Kind::kGet;
    int table = 0;
    std::vector<int> rows;  // numbers, see TableScenario
    std::int64_t amount = 0;
    bool requested = false;
  };
  /// A row that it got and may look at until it advances.
  struct View {
    int table;
    int row;
    const std::byte* data;
    std::vector<std::byte> content;
  };

  void plan_clock();
  void plan_end_of_clock();
  void plan_table(int table, std::vector<std::deque<Op>>& parts);
  void plan_channels(std::vector<std::deque<Op>>& parts);
  bool perform(Op& op);
  bool get(Op& op);
  void inc(const Op& op);
  void inc_row(core::ClientTable& rows, RowId row, std::int64_t amount);
  void advance(const std::vector<int>& tables, bool finishes);
  void advance_all();
  void finish();
  void arrive_at_barrier();
  bool wait_for_barrier();
  bool send();
  bool receive();
  void check_views(int table);
  void fail(const std::string& problem);

  [[nodiscard]] SimProcess& process() { return job_.cluster.process(rank_); }
  [[nodiscard]] core::ClientTable& table(int number) { return process().client().table(static_cast<TableId>(number)); }
  [[nodiscard]] const TableScenario& scenario(int table) const {
    return job_.scenario.tables[static_cast<std::size_t>(table)];
  }
  [[nodiscard]] RowId row_id(int table, int row) const { return scenario(table).rows[static_cast<std::size_t>(row)]; }

  SimJob& job_;
  const WorkerId id_;
  const Rank rank_;
  const int local_;
  SimRandom random_;
  Clock clock_ = 0;
  std::deque<Op> plan_;
  std::vector<bool> advanced_early_;  // by table, in this clock
  std::vector<View> views_;
  std::size_t barriers_ = 0;
  std::int64_t sent_ = 0;
  std::int64_t received_ = 0;
  bool started_ = false;
  bool done_ = false;
  Counts counts_;
  std::string problem_;
};

}  // namespace bosen::testing
