// Every order in which two processes can go through two clocks on one row.
//
// A run is a sequence of transitions: a worker takes its next step, or a process receives the next message of another
// one (each pair of processes is a queue: what core::Link makes of any network, see link_test.cc). Messages inside a
// process are handled at once. The enumeration is depth first and replays each run from the start, because the core's
// parts can't be copied.
//
// Two transitions of different processes commute: each reads and writes its own process alone, takes from the head of a
// queue that the other can only append to, and can enable but never disable the other. So of runs that differ only in
// the order of such neighbours one is enough, and sleep sets (Godefroid, LNCS 1032, 1996, chapter 5) leave the others
// out, exactly: no other state is skipped. What is checked of a read follows from what causes it, which is the same in
// all these runs.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/consistency_oracle.h"
#include "tests/support/core_cluster.h"

namespace bosen::testing {
namespace {

constexpr RowId kRow = 7;

/// A worker's step, where `from` is -1; else the delivery of the next message from process `from` to `rank`.
struct Transition {
  Rank rank = 0;  // whose state it changes
  Rank from = -1;
  WorkerId worker = 0;
  bool operator==(const Transition&) const = default;
  [[nodiscard]] bool commutes_with(const Transition& other) const { return rank != other.rank; }
};

struct Job {
  std::vector<ProcessShape> shapes;
  wire::TableSpec spec;
  Clock clocks = 2;
};

/// One run of the job: workers read, increment and advance in turn, and read once more at the end.
class Run {
 public:
  explicit Run(const Job& job)
      : clocks_(job.clocks),
        cluster_(job.shapes),
        table_(cluster_.create_table(job.spec)),
        oracle_(job.spec, cluster_.cluster().members(), 1),
        workers_(static_cast<std::size_t>(cluster_.cluster().members().worker_count())) {}

  [[nodiscard]] std::vector<Transition> enabled() {
    std::vector<Transition> transitions;
    for (WorkerId worker = 0; worker < static_cast<WorkerId>(workers_.size()); ++worker) {
      if (can_step(worker)) transitions.push_back({.rank = cluster_.place(worker).rank, .worker = worker});
    }
    for (const auto& [from, to] : cluster_.carrier().busy()) transitions.push_back({.rank = to, .from = from});
    return transitions;
  }

  void perform(const Transition& transition) {
    if (transition.from >= 0) {
      cluster_.deliver(transition.from, transition.rank);
    } else {
      step(transition.worker);
    }
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// What every worker has seen.
  [[nodiscard]] std::vector<std::vector<std::int64_t>> outcome() const {
    std::vector<std::vector<std::int64_t>> seen;
    for (const Worker& worker : workers_) seen.push_back(worker.seen);
    return seen;
  }

  void check_end() {
    for (WorkerId worker = 0; worker < static_cast<WorkerId>(workers_.size()); ++worker) {
      if (!state(worker).done) problem_ = "worker " + std::to_string(worker) + " waits for ever";
    }
    if (!problem_.empty()) return;
    const auto total = cluster_.row_on_shard(table_, kRow);
    if (std::any_of(total.begin(), total.end(), [this](std::int64_t count) { return count != clocks_; })) {
      problem_ = "in the end the shard does not have every update once";
    }
  }

 private:
  enum class Next { kRead, kWait, kAdvance };
  struct Worker {
    Next next = Next::kRead;
    Clock clock = 0;
    bool done = false;
    std::vector<std::int64_t> seen;  // in all its reads
  };

  Worker& state(WorkerId worker) { return workers_[static_cast<std::size_t>(worker)]; }

  bool can_step(WorkerId worker) {
    const Worker& own = state(worker);
    return !own.done && (own.next != Next::kWait || cluster_.read(worker, table_, kRow).has_value());
  }

  void step(WorkerId worker) {
    Worker& own = state(worker);
    if (own.next == Next::kAdvance) {
      // What a worker adds between two reads touches nobody else: one step with its advance.
      cluster_.inc(worker, table_, kRow, static_cast<Column>(worker), 1);
      oracle_.inc(worker, 0, 1);
      cluster_.advance(worker, table_);
      oracle_.advance(worker, false);
      ++own.clock;
      own.next = Next::kRead;
      return;
    }
    const auto counts = cluster_.read(worker, table_, kRow);
    if (!counts) {
      cluster_.request(worker, table_, {{kRow}});
      cluster_.cluster().process(cluster_.place(worker).rank).settle();
      own.next = Next::kWait;
      return;
    }
    own.seen.insert(own.seen.end(), counts->begin(), counts->end());
    if (problem_.empty()) problem_ = oracle_.check_read(worker, 0, *counts);
    own.next = Next::kAdvance;
    if (own.clock < clocks_) return;
    cluster_.finish(worker, table_);
    oracle_.advance(worker, true);
    own.done = true;
  }

  const Clock clocks_;
  CoreCluster cluster_;
  TableId table_;
  ConsistencyOracle oracle_;
  std::vector<Worker> workers_;
  std::string problem_;
};

enum class Reduction { kNone, kSleepSets };

/// Goes through all runs, depth first.
class Enumeration {
 public:
  explicit Enumeration(const Job& job, Reduction reduction = Reduction::kSleepSets)
      : job_(job), reduction_(reduction) {}

  void run() {
    std::optional<std::size_t> branch;  // deepest choice that has been changed
    do {
      play(branch);
      ++runs_;
      if (!problem_.empty()) return;
      branch = change_last_choice();
    } while (branch);
  }

  [[nodiscard]] std::int64_t runs() const { return runs_; }
  [[nodiscard]] const std::set<std::vector<std::vector<std::int64_t>>>& outcomes() const { return outcomes_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  /// A state on the current path: what has been tried from here, or needs not to be.
  struct State {
    std::vector<Transition> to_try;
    std::vector<Transition> asleep;
    Transition chosen;
  };

  void play(std::optional<std::size_t> branch) {
    Run run(job_);
    if (branch) {
      for (std::size_t i = 0; i <= *branch; ++i) run.perform(path_[i].chosen);
    }
    for (;;) {
      if (!run.problem().empty()) break;
      std::vector<Transition> enabled = run.enabled();
      State state;
      if (!path_.empty() && reduction_ == Reduction::kSleepSets) state.asleep = asleep_after(path_.back());
      state.to_try = enabled;
      std::erase_if(state.to_try, [&](const Transition& transition) { return contains(state.asleep, transition); });
      if (state.to_try.empty()) {
        if (enabled.empty()) {  // else another run has been here
          run.check_end();
          outcomes_.insert(run.outcome());
        }
        break;
      }
      state.chosen = state.to_try.back();
      state.to_try.pop_back();
      run.perform(state.chosen);
      path_.push_back(std::move(state));
    }
    problem_ = run.problem();
  }

  std::optional<std::size_t> change_last_choice() {
    while (!path_.empty()) {
      State& state = path_.back();
      state.asleep.push_back(state.chosen);  // everything that begins with it has been seen
      if (!state.to_try.empty()) {
        state.chosen = state.to_try.back();
        state.to_try.pop_back();
        return path_.size() - 1;
      }
      path_.pop_back();
    }
    return {};
  }

  static std::vector<Transition> asleep_after(const State& state) {
    std::vector<Transition> asleep;
    for (const Transition& transition : state.asleep) {
      if (transition.commutes_with(state.chosen)) asleep.push_back(transition);
    }
    return asleep;
  }

  static bool contains(const std::vector<Transition>& transitions, const Transition& wanted) {
    return std::find(transitions.begin(), transitions.end(), wanted) != transitions.end();
  }

  const Job& job_;
  const Reduction reduction_;
  std::vector<State> path_;
  std::set<std::vector<std::vector<std::int64_t>>> outcomes_;
  std::int64_t runs_ = 0;
  std::string problem_;
};

const std::vector<ProcessShape> kBesideWorkerZero{{.workers = 1, .shards = 1}, {.workers = 1, .shards = 0}};
const std::vector<ProcessShape> kDedicated{
    {.workers = 1, .shards = 0}, {.workers = 1, .shards = 0}, {.workers = 0, .shards = 1}};
const std::vector<ProcessShape> kTwoWorkersAndOne{{.workers = 2, .shards = 0}, {.workers = 1, .shards = 1}};

std::vector<wire::TableSpec> all_models() {
  return {dense_table(Consistency::kBsp, 0),  dense_table(Consistency::kSsp, 0),  dense_table(Consistency::kSsp, 1),
          dense_table(Consistency::kEssp, 0), dense_table(Consistency::kEssp, 1), dense_table(Consistency::kAsp, 0)};
}

void check_all_runs(const Job& job, const char* placement) {
  Enumeration enumeration(job);
  enumeration.run();
  const std::string what = std::string(placement) + ", " + std::string(to_string(job.spec.consistency)) +
                           ", staleness " + std::to_string(job.spec.staleness);
  EXPECT_EQ(enumeration.problem(), "") << what;
  EXPECT_GT(enumeration.runs(), 100) << what;
  if (job.spec.consistency == Consistency::kBsp) {
    EXPECT_EQ(enumeration.outcomes().size(), 1U) << "bsp is the same in every order";
  } else {
    EXPECT_GT(enumeration.outcomes().size(), 1U) << what;
  }
  std::cout << what << ": " << enumeration.runs() << " runs, " << enumeration.outcomes().size() << " outcomes\n";
}

TEST(Interleavings, TwoProcessesTwoClocksOneRowWithTheShardBesideAWorker) {
  for (const wire::TableSpec& spec : all_models()) check_all_runs({kBesideWorkerZero, spec}, "beside worker 0");
}

TEST(Interleavings, TwoProcessesTwoClocksOneRowWithADedicatedServer) {
  for (const wire::TableSpec& spec : all_models()) check_all_runs({kDedicated, spec}, "dedicated server");
}

TEST(Interleavings, TwoWorkersOfAProcessAndAThirdBesideTheShardInOneClock) {
  for (const wire::TableSpec& spec : {dense_table(Consistency::kBsp, 0, 3), dense_table(Consistency::kSsp, 1, 3),
                                      dense_table(Consistency::kEssp, 1, 3)}) {
    check_all_runs({kTwoWorkersAndOne, spec, 1}, "two workers and one");
  }
}

// The reduction against plain enumeration, where that is short enough.
TEST(Interleavings, SleepSetsLeaveOutNoOutcome) {
  for (const wire::TableSpec& spec : all_models()) {
    const Job job{kBesideWorkerZero, spec, 1};
    Enumeration all(job, Reduction::kNone);
    Enumeration reduced(job, Reduction::kSleepSets);
    all.run();
    reduced.run();
    EXPECT_EQ(all.problem(), "");
    EXPECT_EQ(all.outcomes(), reduced.outcomes());
    EXPECT_LT(reduced.runs() * 2, all.runs());
    std::cout << to_string(spec.consistency) << ": " << reduced.runs() << " of " << all.runs() << " runs\n";
  }
}

}  // namespace
}  // namespace bosen::testing
