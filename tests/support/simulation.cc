#include "tests/support/simulation.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "bosen/core/partition.h"
#include "tests/support/sim_worker.h"

namespace bosen::testing {
namespace {

constexpr std::int64_t kEventsMax = 2'000'000;
constexpr std::uint64_t kLookAgain = std::numeric_limits<std::uint64_t>::max();

class Simulation {
 public:
  Simulation(const Scenario& scenario, std::ostream* trace)
      : scenario_(scenario),
        trace_(trace),
        random_(core::mix64(scenario.seed ^ 0x51D)),
        network_(scenario.processes, scenario.faults, random_.fork(), pool_),
        cluster_(scenario.processes, updaters_, pool_, network_),
        job_{scenario, cluster_, {}, std::vector<std::vector<int>>(scenario.processes.size())} {
    network_.set_deliver([this](Rank to, wire::Envelope envelope) { cluster_.process(to).post(std::move(envelope)); });
    mail_ready_.resize(scenario.processes.size());
    for (Rank rank = 0; rank < cluster_.size(); ++rank) {
      mail_ready_[static_cast<std::size_t>(rank)].resize(cluster_.process(rank).actors(), kNever);
    }
    seen_.resize(scenario.processes.size(), 0);
  }

  SimResult run() {
    create();
    if (result_.problem.empty()) work();
    if (result_.problem.empty()) check_end();
    if (result_.problem.empty()) check_snapshots();
    result_.network = network_.counts();
    for (const auto& worker : workers_) {
      result_.reads += worker->counts().reads;
      result_.misses += worker->counts().misses;
      result_.messages += worker->counts().messages;
    }
    result_.trace_hash = hash_;
    return std::move(result_);
  }

 private:
  enum class Event : std::uint8_t { kNetwork, kMail, kWorker };

  void create();
  [[nodiscard]] bool created();
  void work();
  void check_end();
  void check_snapshots();
  [[nodiscard]] std::size_t written_before(std::size_t table, Clock clock) const;
  void check_snapshot(const wire::TableSnapshot& snapshot, Clock clock);
  [[nodiscard]] bool has_mail();
  bool run_event();
  void run_worker(SimWorker& worker);
  void wake_waiting();
  void schedule_mail();
  void note(Event event, std::int64_t what, std::int64_t detail);
  void stuck();
  [[nodiscard]] TimeNs think_time(WorkerId worker);

  const Scenario& scenario_;
  std::ostream* const trace_;
  SimRandom random_;
  BufferPool pool_;  // outlives everything that may hold a block
  core::UpdaterCatalog updaters_;
  SimNetwork network_;
  SimCluster cluster_;
  SimJob job_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<TimeNs> worker_ready_;
  std::vector<std::vector<TimeNs>> mail_ready_;  // by process, actor
  std::vector<std::uint64_t> seen_;              // by process: messages handled when its workers last looked
  std::uint64_t hash_ = 0;
  SimResult result_;
};

void Simulation::create() {
  for (Rank rank = 0; rank < cluster_.members().clients(); ++rank) {
    cluster_.process(rank).with_client([&](core::ClientCore& client, core::Outbox& outbox) {
      for (const TableScenario& table : scenario_.tables) client.create_table(table.spec, table.cache_rows, outbox);
      client.create_channel("ring", {.capacity = scenario_.channel_capacity, .priority = scenario_.channel_priority},
                            outbox);
    });
  }
  while (!created() && result_.problem.empty()) {
    if (!run_event()) return stuck();
  }
  for (const TableScenario& table : scenario_.tables) {
    job_.oracles.emplace_back(table.spec, cluster_.members(), static_cast<int>(table.rows.size()));
  }
  for (WorkerId worker = 0; worker < scenario_.workers(); ++worker) {
    workers_.push_back(std::make_unique<SimWorker>(job_, worker, random_.fork()));
    worker_ready_.push_back(network_.now() + think_time(worker));
  }
}

bool Simulation::created() {
  for (Rank rank = 0; rank < cluster_.members().clients(); ++rank) {
    core::ClientCore& client = cluster_.process(rank).client();
    if (!client.channel_creation(0).done()) return false;
    for (std::size_t table = 0; table < scenario_.tables.size(); ++table) {
      if (!client.table_creation(static_cast<TableId>(table)).done()) return false;
    }
  }
  return true;
}

void Simulation::work() {
  const auto all_done = [this] {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->done(); });
  };
  bool done = false;
  while (result_.problem.empty()) {
    if (!done && all_done()) {
      done = true;
      network_.heal();  // what is under way arrives, sooner or later
    }
    if (done && network_.quiet() && !has_mail()) return;
    if (!run_event()) return stuck();
    if (++result_.events > kEventsMax) result_.problem = "no end after " + std::to_string(kEventsMax) + " events";
  }
}

bool Simulation::has_mail() {
  for (Rank rank = 0; rank < cluster_.size(); ++rank) {
    if (cluster_.process(rank).has_mail()) return true;
  }
  return false;
}

bool Simulation::run_event() {
  schedule_mail();
  wake_waiting();
  TimeNs next = network_.next_event();
  WorkerId worker = -1;
  for (std::size_t i = 0; i < worker_ready_.size(); ++i) {
    if (worker_ready_[i] < next) {
      next = worker_ready_[i];
      worker = static_cast<WorkerId>(i);
    }
  }
  Rank rank = -1;
  std::size_t actor = 0;
  for (std::size_t i = 0; i < mail_ready_.size(); ++i) {
    for (std::size_t j = 0; j < mail_ready_[i].size(); ++j) {
      if (mail_ready_[i][j] >= next) continue;
      next = mail_ready_[i][j];
      rank = static_cast<Rank>(i);
      actor = j;
    }
  }
  if (next == kNever) return false;
  network_.set_now(std::max(next, network_.now()));
  if (rank >= 0) {
    note(Event::kMail, rank, static_cast<std::int64_t>(actor));
    cluster_.process(rank).handle_one(actor);
    mail_ready_[static_cast<std::size_t>(rank)][actor] = kNever;
  } else if (worker >= 0) {
    run_worker(*workers_[static_cast<std::size_t>(worker)]);
  } else {
    note(Event::kNetwork, 0, 0);
    network_.run_event();
    result_.problem = network_.problem();
  }
  return true;
}

void Simulation::run_worker(SimWorker& worker) {
  const auto id = static_cast<std::size_t>(worker.id());
  if (trace_ != nullptr) *trace_ << network_.now() << " worker " << worker.id() << ' ' << worker.doing() << '\n';
  const SimWorker::Progress progress = worker.step();
  note(Event::kWorker, worker.id(), static_cast<std::int64_t>(progress));
  worker_ready_[id] =
      progress == SimWorker::Progress::kMoved && !worker.done() ? network_.now() + think_time(worker.id()) : kNever;
  if (progress == SimWorker::Progress::kMoved) seen_[static_cast<std::size_t>(worker.rank())] = kLookAgain;
  if (!worker.problem().empty()) result_.problem = worker.problem();
}

// A worker that waits looks again, a little later, when its process has handled something.
void Simulation::wake_waiting() {
  for (const auto& worker : workers_) {
    const auto id = static_cast<std::size_t>(worker->id());
    const auto rank = static_cast<std::size_t>(worker->rank());
    if (worker->done() || worker_ready_[id] != kNever || cluster_.process(worker->rank()).handled() == seen_[rank]) {
      continue;
    }
    worker_ready_[id] = network_.now() + think_time(worker->id()) / 4;
  }
  for (std::size_t rank = 0; rank < seen_.size(); ++rank) {
    seen_[rank] = cluster_.process(static_cast<Rank>(rank)).handled();
  }
}

void Simulation::schedule_mail() {
  for (std::size_t rank = 0; rank < mail_ready_.size(); ++rank) {
    const SimProcess& process = cluster_.process(static_cast<Rank>(rank));
    for (std::size_t actor = 0; actor < mail_ready_[rank].size(); ++actor) {
      TimeNs& ready = mail_ready_[rank][actor];
      if (!process.has_mail(actor)) {
        ready = kNever;
      } else if (ready == kNever) {
        ready = network_.now() + random_.between(0, scenario_.mail_delay_ns_max);
      }
    }
  }
}

TimeNs Simulation::think_time(WorkerId worker) {
  const double factor = scenario_.think_factors[static_cast<std::size_t>(worker)];
  return static_cast<TimeNs>(static_cast<double>(random_.between(100, 20'000)) * factor);
}

void Simulation::check_end() {
  for (std::size_t table = 0; table < scenario_.tables.size(); ++table) {
    const wire::TableSpec& spec = scenario_.tables[table].spec;
    for (std::size_t row = 0; row < scenario_.tables[table].rows.size(); ++row) {
      const RowId id = scenario_.tables[table].rows[row];
      const auto stored = cluster_.row_on_shard(static_cast<TableId>(table), spec.shape, id);
      const auto counts = read_counts(spec, stored.bytes.data(), scenario_.workers(), result_.problem);
      for (WorkerId worker = 0; worker < scenario_.workers(); ++worker) {
        const std::int64_t total = job_.oracles[table].total(worker, static_cast<int>(row));
        const std::int64_t count = counts[static_cast<std::size_t>(worker)];
        if (count == total) continue;
        result_.problem = "table " + std::to_string(table) + ", row number " + std::to_string(row) +
                          ": in the end its shard has " + std::to_string(count) + " of worker " +
                          std::to_string(worker) + ", who made " + std::to_string(total);
      }
    }
  }
  for (Rank rank = 0; rank < cluster_.size(); ++rank) {
    for (const auto& shard : cluster_.process(rank).shards()) {
      if (shard->rejected() > 0) result_.problem = "a shard rejected messages";
      // A prefetch that nobody waited for may be parked, but every worker has finished: all clocks allow it.
      if (shard->parked() > 0) result_.problem = "a shard still has parked reads";
    }
    if (cluster_.process(rank).workers() > 0 && cluster_.process(rank).client().rejected() > 0) {
      result_.problem = "a client rejected messages";
    }
  }
}

// At the end, when everything else has changed.
void Simulation::check_snapshots() {
  std::map<std::pair<Clock, std::string>, std::size_t> saved;  // rows, by checkpoint and table
  for (Rank rank = 0; rank < cluster_.size(); ++rank) {
    for (const wire::ShardSnapshot& snapshot : cluster_.process(rank).snapshots()) {
      for (const wire::TableSnapshot& table : snapshot.tables) {
        check_snapshot(table, snapshot.clock);
        for (const BufferRef& block : table.blocks) saved[{snapshot.clock, table.spec.name}] += block->rows;
      }
    }
  }
  for (const Clock clock : scenario_.barriers) {
    for (std::size_t table = 0; table < scenario_.tables.size(); ++table) {
      const std::size_t due = written_before(table, clock);
      if (saved[{clock, scenario_.tables[table].spec.name}] >= due) continue;
      result_.problem = "table " + std::to_string(table) + ": the checkpoint of clock " + std::to_string(clock) +
                        " has fewer than the " + std::to_string(due) + " rows that were written";
    }
  }
}

std::size_t Simulation::written_before(std::size_t table, Clock clock) const {
  std::size_t rows = 0;
  for (std::size_t row = 0; row < scenario_.tables[table].rows.size(); ++row) {
    bool written = false;
    for (WorkerId worker = 0; worker < scenario_.workers(); ++worker) {
      written = written || job_.oracles[table].before(worker, static_cast<int>(row), clock) != 0;
    }
    rows += written ? 1 : 0;
  }
  return rows;
}

void Simulation::check_snapshot(const wire::TableSnapshot& snapshot, Clock clock) {
  const auto table = static_cast<std::size_t>(
      std::find_if(scenario_.tables.begin(), scenario_.tables.end(),
                   [&](const TableScenario& other) { return other.spec.name == snapshot.spec.name; }) -
      scenario_.tables.begin());
  const std::vector<RowId>& rows = scenario_.tables[table].rows;
  for (const BufferRef& block : snapshot.blocks) {
    const wire::RowBlockView view(snapshot.spec.shape, *block);
    for (std::size_t i = 0; i < view.size(); ++i, ++result_.saved) {
      const auto row = std::find(rows.begin(), rows.end(), view.id(i)) - rows.begin();
      const auto counts =
          read_counts(snapshot.spec, block->data + view.offset(i), scenario_.workers(), result_.problem);
      for (WorkerId worker = 0; worker < scenario_.workers(); ++worker) {
        const std::int64_t made = job_.oracles[table].before(worker, static_cast<int>(row), clock);
        const std::int64_t count = counts[static_cast<std::size_t>(worker)];
        if (count == made) continue;
        result_.problem = "table " + std::to_string(table) + ", row number " + std::to_string(row) +
                          ": the checkpoint of clock " + std::to_string(clock) + " has " + std::to_string(count) +
                          " of worker " + std::to_string(worker) + ", who had made " + std::to_string(made);
      }
    }
  }
}

void Simulation::note(Event event, std::int64_t what, std::int64_t detail) {
  for (const std::int64_t value : {network_.now(), static_cast<std::int64_t>(event), what, detail}) {
    hash_ = core::mix64(hash_ ^ static_cast<std::uint64_t>(value));
  }
  if (trace_ != nullptr && event == Event::kMail) {
    *trace_ << network_.now() << " process " << what << " actor " << detail << " handles a message\n";
  }
}

void Simulation::stuck() {
  result_.problem = "nothing can happen any more:";
  for (const auto& worker : workers_) {
    result_.problem += " worker " + std::to_string(worker->id()) + " " + worker->doing() + ";";
  }
}

}  // namespace

SimResult simulate(const Scenario& scenario, std::ostream* trace) { return Simulation(scenario, trace).run(); }

}  // namespace bosen::testing
