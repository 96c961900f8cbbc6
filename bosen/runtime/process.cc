#include "bosen/runtime/process.h"

#include <algorithm>
#include <exception>

#include "bosen/base/assert.h"
#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/wire/message_check.h"

namespace bosen::runtime {

using wire::NodeId;

namespace {

// Shards take no notice of what they would have to refuse, and the process would wait for ever.
void check_creation(const std::string& what, std::size_t made, int most, const std::string& problem) {
  if (!problem.empty()) throw Error(ErrorKind::kUsage, what + ' ' + problem);
  if (made < static_cast<std::size_t>(most)) return;
  throw Error(ErrorKind::kUsage, what + " is one too many: a job has at most " + std::to_string(most) + " of them");
}

}  // namespace

Process::Process(ProcessSpec spec, Platform& platform)
    : spec_(std::move(spec)), platform_(platform), waiter_(platform.make_waiter()) {
  find_checkpoints();
  if (spec_.job.size == 1) {
    start_embedded();
  } else {
    join();
  }
}

Process::~Process() {
  if (network_) network_->stop();  // its thread uses everything else, this pointer included
  network_.reset();
  participation_.reset();
}

void Process::start_embedded() {
  const int workers = spec_.options.workers;
  const int shards = spec_.options.shards > 0 ? spec_.options.shards : workers;
  members_.rank = 0;
  members_.workers = {workers};
  members_.rank_of_shard.assign(static_cast<std::size_t>(shards), 0);
  load_checkpoint({spec_.usable});
  make_checkpoint_writer(static_cast<std::uint64_t>(platform_.now()));
  make_actors();
}

void Process::join() {
  if (spec_.job.servers >= spec_.job.size) {
    throw Error(ErrorKind::kConfiguration, "the job has " + std::to_string(spec_.job.size) + " processes and " +
                                               std::to_string(spec_.job.servers) +
                                               " of them shall be servers: at least one must have workers");
  }
  Joined joined = platform_.join(spec_, shapes_, pool_,
                                 {.on_failure = [this](const Error& cause) { fail(cause); },
                                  .on_status = [this](const std::string& text) { hear_status(text); }});
  members_ = std::move(joined.members);
  transport_ = std::move(joined.transport);
  participation_ = std::move(joined.participation);
  try {
    load_checkpoint(joined.usable);
  } catch (const std::exception& error) {
    participation_->abort(as_error(error));  // its file may be the only one that is damaged
    throw;
  }
  make_checkpoint_writer(joined.run);
  make_actors();
  const Network::Options options{.rank = members_.rank, .processes = spec_.job.size, .job = joined.job, .epoch = 1};
  network_ = std::make_unique<Network>(
      options, platform_, *transport_, [this](std::vector<wire::Envelope>& envelopes) { deliver(envelopes); },
      [this](const Error& cause) { give_up(cause); });
  network_->start();
}

void Process::make_actors() {
  held_back_ = std::vector<std::atomic<bool>>(static_cast<std::size_t>(members_.clients()));
  for (ShardId shard = 0; shard < members_.shards(); ++shard) {
    if (!members_.is_local(shard)) continue;
    LocalShard local{.id = shard, .core = {}, .actor = {}};
    local.core = std::make_unique<core::ServerShard>(members_, spec_.updaters, pool_, std::move(start_.shards[shard]));
    local.actor = std::make_unique<Actor>([this, &core = *local.core, shard](wire::Envelope envelope) {
      step(core, NodeId::shard(shard), std::move(envelope));
    });
    shards_.push_back(std::move(local));
  }
  if (is_server()) return;
  gauges_ = std::vector<WorkerGauge>(static_cast<std::size_t>(local_workers()));
  client_ = std::make_unique<core::ClientCore>(members_, pool_, start_.clock);
  client_actor_ = std::make_unique<Actor>(
      [this](wire::Envelope envelope) {
        act(NodeId::client(members_.rank), [&](core::Outbox& outbox) { client_->step(std::move(envelope), outbox); });
      },
      [this] {
        client_->collect();
        barriers_passed_.store(client_->barriers_passed());
        waiter_->wake_all();
      });
}

Actor& Process::actor_of(NodeId node) {
  if (!node.is_shard()) return *client_actor_;
  const auto found = std::find_if(shards_.begin(), shards_.end(),
                                  [&](const LocalShard& shard) { return shard.id == node.shard_id(); });
  return *found->actor;
}

// What goes wrong in an actor (an updater of the app's throws) is not the affair of the thread that happens to drive
// it. The actor does nothing more then: nobody shall take for done what is not.
template <class Handle>
void Process::act(NodeId self, const Handle& handle) {
  if (failed_.load()) return;
  try {
    core::Outbox outbox(self);
    handle(outbox);
    dispatch(outbox);
  } catch (const std::exception& error) {
    const std::string where = self.is_shard() ? "shard " + std::to_string(self.shard_id()) : "this process's client";
    const Error cause = as_error(error);
    give_up(Error(cause.kind(), where + ": " + cause.what()));
  }
}

void Process::step(core::ServerShard& shard, NodeId self, wire::Envelope envelope) {
  act(self, [&](core::Outbox& outbox) {
    const NodeId from = envelope.from;
    const bool from_afar = !from.is_shard() && from.rank() < members_.clients() && from.rank() != members_.rank;
    if (from_afar) look_for_room(shard, from.rank(), outbox);
    shard.step(std::move(envelope), outbox);
    save(shard, self.shard_id());
    if (from_afar) look_for_room(shard, from.rank(), outbox);
  });
}

// Says first that pushes wait and looks then: whoever makes room later sees that they do, and looks again.
void Process::look_for_room(core::ServerShard& shard, Rank client, core::Outbox& outbox) {
  if (shard.holds_back(client)) held_back_[static_cast<std::size_t>(client)].store(true);
  shard.set_room(client, network_->has_room(client), outbox);
}

void Process::resume_pushes() {
  for (Rank client = 0; client < members_.clients(); ++client) {
    std::atomic<bool>& held_back = held_back_[static_cast<std::size_t>(client)];
    if (!held_back.load() || !network_->has_room(client)) continue;
    held_back.store(false);
    for (const LocalShard& shard : shards_) {
      const auto lock = shard.actor->lock();
      act(NodeId::shard(shard.id), [&](core::Outbox& outbox) { look_for_room(*shard.core, client, outbox); });
    }
  }
}

// Runs under the lock of the actor that speaks, so that its messages keep their order.
void Process::dispatch(core::Outbox& outbox) {
  for (wire::Envelope& envelope : outbox.envelopes()) {
    const NodeId to = envelope.to;
    const Rank rank = to.is_shard() ? members_.rank_of_shard[static_cast<std::size_t>(to.shard_id())] : to.rank();
    if (rank == members_.rank) {
      actor_of(to).post(std::move(envelope));
    } else {
      network_->send(rank, std::move(envelope));
    }
  }
}

void Process::deliver(std::vector<wire::Envelope>& envelopes) {
  for (wire::Envelope& envelope : envelopes) {
    if (const auto* create = std::get_if<wire::CreateTable>(&envelope.message)) {
      shapes_.add(create->table, create->spec.shape);  // before the next frame is looked at
    }
    Actor& receiver = actor_of(envelope.to);
    // Where nobody waits for anybody (asp), peers may send faster than a shard takes it. While this thread waits for
    // the shard, nothing is received and nothing acknowledged, and the peers' windows close.
    if (receiver.post(std::move(envelope)) >= limits::kInboxMessages) receiver.settle();
  }
  resume_pushes();
  pump();
  waiter_->wake_all();
}

void Process::pump() {
  bool progress = true;
  const auto drive = [&](Actor& actor) {
    if (!actor.has_mail()) return;
    actor.drive();
    progress = progress || !actor.has_mail();
  };
  while (progress) {
    progress = false;
    for (const LocalShard& shard : shards_) drive(*shard.actor);
    if (client_actor_) drive(*client_actor_);
  }
}

void Process::with_client(const std::function<void(core::Outbox&)>& use) {
  {
    const auto lock = client_actor_->lock();
    core::Outbox outbox(NodeId::client(members_.rank));
    use(outbox);
    dispatch(outbox);
  }
  pump();
}

void Process::advance_tables(int local_worker, std::span<core::ClientTable* const> tables, bool finishes) {
  {
    const auto lock = client_actor_->lock();
    core::Outbox outbox(NodeId::client(members_.rank));
    for (core::ClientTable* table : tables) table->advance(local_worker, finishes, outbox);
    dispatch(outbox);
    client_->collect();
  }
  if (shards_.empty()) return client_actor_->drive();  // what came while this thread had the lock
  if (shards_.size() > 1) waiter_->wake_all();         // workers that wait can take a shard each
  // What this process updates must show in its own next read: shards in this process apply it before that. Only exact
  // tables hold it back anyway.
  const bool must_show =
      std::any_of(tables.begin(), tables.end(), [](const core::ClientTable* table) { return !table->model().exact; });
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Actor& shard = *shards_[(static_cast<std::size_t>(local_worker) + i) % shards_.size()].actor;
    must_show ? shard.settle() : shard.drive();
  }
  must_show ? client_actor_->settle() : client_actor_->drive();
  throw_if_failed();  // actors then do nothing more, and the worker would read rows without its own updates
}

std::vector<core::ClientTable*> Process::tables() {
  std::vector<core::ClientTable*> tables;
  tables.reserve(tables_.size());
  for (const auto& table : tables_) tables.push_back(&table->table());
  return tables;
}

TableHandle& Process::create_table(const std::string& name, const wire::RowShape& shape, const TableOptions& options) {
  const auto same_name = [&](const auto& table) { return table->table().spec().name == name; };
  if (std::any_of(tables_.begin(), tables_.end(), same_name)) {
    throw Error(ErrorKind::kUsage, "table '" + name + "' exists already: choose another name");
  }
  if (workers_ran_) throw Error(ErrorKind::kUsage, "table '" + name + "' is made too late: before run_workers");
  wire::TableSpec spec;
  spec.name = name;
  spec.shape = shape;
  spec.consistency = options.consistency.value_or(spec_.options.consistency);
  spec.staleness = options.staleness.value_or(spec_.options.staleness);
  spec.updater = options.updater;
  spec.priority = options.priority;
  check_creation("table '" + name + "'", tables_.size(), limits::kTablesMax, wire::check_table(spec));
  const std::string problem = spec_.updaters.problem(spec.updater, shape.element, shape.kind, spec.consistency);
  if (!problem.empty()) throw Error(ErrorKind::kUsage, "table '" + name + "': " + problem);
  const auto id = static_cast<TableId>(tables_.size());
  shapes_.add(id, shape);
  core::ClientTable* table = nullptr;
  with_client([&](core::Outbox& outbox) { table = &client_->create_table(spec, options.cache_rows, outbox); });
  core::ClientCore::Creation creation;
  const auto created = [&] {
    const auto lock = client_actor_->lock();
    creation = client_->table_creation(id);
    return creation.done();
  };
  wait_until(created, [&] { return "waits for every process to make table '" + name + "'"; });
  if (!creation.problem.empty()) refuse("table '" + name + "': " + creation.problem);
  tables_.push_back(std::make_unique<TableHandle>(*this, *table, id));
  if (!options.staleness && table->model().has_staleness()) tuned_tables_.push_back(table);
  return *tables_.back();
}

// Every process is told of the same problem and comes here: they leave together, so that each can say what it is
// instead of being ended by the first one that does.
void Process::refuse(const std::string& problem) {
  if (participation_) participation_->leave();
  throw Error(ErrorKind::kUsage, problem);
}

ChannelHandle& Process::create_channel(const std::string& name, const ChannelOptions& options) {
  const auto same_name = [&](const auto& channel) { return channel->name() == name; };
  if (std::any_of(channels_.begin(), channels_.end(), same_name)) {
    throw Error(ErrorKind::kUsage, "channel '" + name + "' exists already: choose another name");
  }
  if (workers_ran_) throw Error(ErrorKind::kUsage, "channel '" + name + "' is made too late: before run_workers");
  return make_channel(name, options);
}

ChannelHandle& Process::make_channel(const std::string& name, const ChannelOptions& options) {
  check_creation("channel '" + name + "'", channels_.size(), limits::kChannelsMax,
                 wire::check_channel(name, options.capacity));
  const auto id = static_cast<std::uint32_t>(channels_.size());
  core::ChannelCore* channel = nullptr;
  with_client([&](core::Outbox& outbox) { channel = &client_->create_channel(name, options, outbox); });
  core::ClientCore::Creation creation;
  const auto created = [&] {
    const auto lock = client_actor_->lock();
    creation = client_->channel_creation(id);
    return creation.done();
  };
  wait_until(created, [&] { return "waits for every process to make channel '" + name + "'"; });
  if (!creation.problem.empty()) refuse("channel '" + name + "': " + creation.problem);
  channels_.push_back(std::make_unique<ChannelHandle>(*this, *channel, id));
  return *channels_.back();
}

void Process::quiesce(int local_worker) {
  client_->quiesce(local_worker);
  wake_for_memory();
}

void Process::wake_for_memory() {
  if (client_->reclaimer().retired_bytes() > limits::kRetiredBytesMax) waiter_->wake_all();
}

bool Process::has_room() const { return !network_ || network_->backlog_bytes() <= limits::kSendQueueBytesMax; }

// A worker that itself waits is not waited for: it may wait for this very worker.
bool Process::has_memory() {
  const core::Reclaimer& reclaimer = client_->reclaimer();
  if (reclaimer.retired_bytes() <= limits::kRetiredBytesMax) return true;
  with_client([&](core::Outbox&) { client_->collect(); });
  if (reclaimer.retired_bytes() <= limits::kRetiredBytesMax) return true;
  const auto computes_behind = [&](std::size_t worker) {
    return reclaimer.holds_back(worker) && gauges_[worker].state.load() == monitor::WorkerState::kComputing;
  };
  for (std::size_t worker = 0; worker < gauges_.size(); ++worker) {
    if (computes_behind(worker)) return false;
  }
  return true;
}

void Process::fail(const Error& cause) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (failed_.load()) return;
    failure_ = cause;
    failed_.store(true);
  }
  platform_.expect_end(cause);
  waiter_->wake_all();
}

// For a thread of ours that others wait for, and that has no caller who could tell them.
void Process::give_up(const Error& cause) {
  fail(cause);
  if (participation_) participation_->abort_soon(cause);
}

void Process::throw_if_failed() {
  if (!failed_.load()) return;
  const std::lock_guard lock(failure_mutex_);
  throw Error(*failure_);
}

double Process::straggler_factor(WorkerId worker) const {
  const auto found = spec_.options.stragglers.find(worker);
  return found == spec_.options.stragglers.end() ? 1 : found->second;
}

void Process::notify_advance(WorkerContext& worker) {
  if (staleness_control_) staleness_control_->advanced(worker);
  if (on_advance_) on_advance_(worker);
}

void Process::measured(Clock clock, double objective) {
  if (staleness_control_) staleness_control_->measured(clock, objective);
}

std::optional<Clock> Process::tuned_staleness() const {
  if (!staleness_control_) return std::nullopt;
  return tuned_staleness_.load(std::memory_order_relaxed);
}

void Process::set_staleness(Clock staleness) {
  tuned_staleness_.store(staleness, std::memory_order_relaxed);
  with_client([&](core::Outbox&) {
    for (core::ClientTable* table : tuned_tables_) table->set_staleness(staleness);
  });
}

net::TransportStatistics Process::network_statistics() const {
  return transport_ ? transport_->statistics() : net::TransportStatistics{};
}

Traffic Process::table_traffic(TableId table) const {
  return transport_ ? transport_->traffic().table(table) : Traffic{};
}

Traffic Process::channel_traffic(std::uint32_t channel) const {
  return transport_ ? transport_->traffic().channel(channel) : Traffic{};
}

// A server's last checkpoint may come while it waits for all to leave.
void Process::leave() {
  if (participation_ && !participation_->leave()) throw_if_failed();
  finish_checkpoints();
}

void Process::abort(const Error& cause) {
  if (participation_) participation_->abort(cause);
}

}  // namespace bosen::runtime
