#pragma once

// A process of the job: its client, its shards, its connections; and the rules by which threads meet
// (docs/design/threads.md).
//
//   worker threads ──with_client──▶ client actor ──post──▶ shard actors (this process)
//        ▲                                │
//        └──── waiter ◀── network thread ◀┴──▶ other processes
//
// Whoever posts to an actor drives it; so does the network's thread for what arrives, and a worker that waits. Threads
// and time are the platform's: real ones, or a simulation's.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/options.h"
#include "bosen/core/client_core.h"
#include "bosen/core/server_shard.h"
#include "bosen/runtime/actor.h"
#include "bosen/runtime/channel_handle.h"
#include "bosen/runtime/checkpoint_writer.h"
#include "bosen/runtime/job_statistics.h"
#include "bosen/runtime/network.h"
#include "bosen/runtime/platform.h"
#include "bosen/runtime/process_spec.h"
#include "bosen/runtime/shape_registry.h"
#include "bosen/runtime/staleness_control.h"
#include "bosen/runtime/starting_point.h"
#include "bosen/runtime/table_handle.h"
#include "bosen/runtime/waiter.h"
#include "bosen/runtime/worker_context.h"

namespace bosen::runtime {

class Process {
 public:
  /// Joins the job. Throws Error where that fails.
  Process(ProcessSpec spec, Platform& platform);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] Platform& platform() const { return platform_; }
  [[nodiscard]] const Options& options() const { return spec_.options; }
  [[nodiscard]] const std::string& host() const { return spec_.host; }
  [[nodiscard]] int processes() const { return spec_.job.size; }
  [[nodiscard]] Rank rank() const { return members_.rank; }
  [[nodiscard]] const core::Membership& members() const { return members_; }
  [[nodiscard]] bool is_server() const { return members_.rank >= members_.clients(); }
  [[nodiscard]] int local_workers() const { return is_server() ? 0 : members_.workers[std::size_t(members_.rank)]; }

  /// The clock of all workers when they begin: 0, or that of the checkpoint that the job goes on from.
  [[nodiscard]] Clock first_clock() const { return start_.clock; }

  // For the thread that runs the app's body.

  /// `listener` is told of every advance of every worker, in the worker's thread. To be set before run_workers.
  void on_advance(std::function<void(const WorkerContext&)> listener) { on_advance_ = std::move(listener); }
  TableHandle& create_table(const std::string& name, const wire::RowShape& shape, const TableOptions& options);
  ChannelHandle& create_channel(const std::string& name, const ChannelOptions& options);
  /// The app has measured at a clock what it wants to be small. Any thread.
  void measured(Clock clock, double objective);
  /// Runs the body in a thread for each local worker; returns when all workers of the job have ended.
  void run_workers(const std::function<void(WorkerContext&)>& body);
  /// The app's body has returned. Where it did so without run_workers, waits until every other has, too; throws
  /// Error(kUsage) where one has not.
  void end_body();
  /// Leaves the job together with all other processes; a dedicated server serves until then.
  void leave();
  /// Tells the other processes that this one ends the job.
  void abort(const Error& cause);

  /// What this process did, and (on rank 0, after run_workers) what the whole job did.
  [[nodiscard]] const JobStatistics& statistics() const { return statistics_; }
  [[nodiscard]] const JobStatistics& job_statistics() const { return job_statistics_; }

  // For whoever watches the job. Any thread.

  /// How this process is now; its evaluations are not known here.
  [[nodiscard]] monitor::ProcessStatus status();
  /// Tells rank 0 how this process is. Does nothing in a job of one process.
  void report(const monitor::ProcessStatus& status);
  /// On rank 0, to be set at once: `listener` is told how other processes are, in a thread of the platform's.
  void on_status(std::function<void(monitor::ProcessStatus)> listener);

  [[nodiscard]] net::TransportStatistics network_statistics() const;
  [[nodiscard]] Traffic table_traffic(TableId table) const;
  [[nodiscard]] Traffic channel_traffic(std::uint32_t channel) const;

  // For workers and handles.

  [[nodiscard]] WorkerGauge& gauge(int local_worker) { return gauges_[static_cast<std::size_t>(local_worker)]; }
  /// Whether anybody watches the job.
  [[nodiscard]] bool is_watched() const { return !spec_.options.monitor.empty(); }

  /// Runs `use` with the client locked, sends what it says, and has it handled as far as that needs no waiting.
  void with_client(const std::function<void(core::Outbox&)>& use);
  /// Ends a worker's iteration on tables.
  void advance_tables(int local_worker, std::span<core::ClientTable* const> tables, bool finishes);
  [[nodiscard]] std::vector<core::ClientTable*> tables();
  /// All local workers call it, with the clock of the checkpoint that they make there or 0; the last one tells the
  /// shards. Returns the barrier to wait for.
  std::uint64_t arrive_at_barrier(Clock checkpoint);
  [[nodiscard]] bool barrier_passed(std::uint64_t barrier);
  /// A local worker comes to no further barrier. Throws Error(kUsage) where another one waits for it at one.
  void end_worker();
  void quiesce(int local_worker);

  /// Where the job goes on from a checkpoint in its own folder that has newer ones, sets those aside. On one process,
  /// as nobody goes on from what another one lacks; once all tables are made, so that a run with wrong flags changes
  /// nothing, and before its workers run. Returns the clock of the newest, if there is one.
  std::optional<Clock> set_newer_checkpoints_aside();
  /// Writes this process's checkpoints; none where it makes none.
  [[nodiscard]] CheckpointWriter* checkpoint_writer() { return checkpoint_writer_.get(); }
  /// What the checkpoint that the job goes on from has of a worker's memory; none where it has nothing. Once, in the
  /// worker's thread.
  [[nodiscard]] std::optional<std::vector<std::byte>> take_kept(WorkerId worker, const std::string& name);
  /// Workers of the job that made that checkpoint.
  [[nodiscard]] int workers_before() const { return start_.workers; }

  /// Throws Error (mostly kPeerLost) where the job has failed.
  void throw_if_failed();
  /// Waits until `ready`; throws as throw_if_failed does. `worker`: of the worker that waits, where only workers can
  /// make it ready; throws Error(kUsage) where all of a job of one process wait so, each for another.
  void wait_until(const std::function<bool()>& ready, const std::function<std::string()>& what,
                  WorkerGauge* worker = nullptr);
  /// Whether peers take what this process sends.
  [[nodiscard]] bool has_room() const;
  /// Whether little enough memory waits for workers of this process that compute in an earlier clock.
  [[nodiscard]] bool has_memory();
  /// Has workers look again that wait for memory: one that they wait for computes no more, or is not behind any more.
  void wake_for_memory();
  void wake_workers() { waiter_->wake_all(); }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  [[nodiscard]] double straggler_factor(WorkerId worker) const;
  void notify_advance(WorkerContext& worker);
  /// Of all tables that were made with the job's staleness.
  void set_staleness(Clock staleness);
  /// The staleness in force now; none where nothing changes it. Any thread.
  [[nodiscard]] std::optional<Clock> tuned_staleness() const;

 private:
  void join();
  void start_embedded();
  void find_checkpoints();
  void load_checkpoint(const std::vector<std::vector<store::CheckpointId>>& usable);
  void make_checkpoint_writer(std::uint64_t run);
  ChannelHandle& make_channel(const std::string& name, const ChannelOptions& options);
  void make_actors();
  [[noreturn]] void refuse(const std::string& problem);
  template <class Handle>
  void act(wire::NodeId self, const Handle& handle);
  void step(core::ServerShard& shard, wire::NodeId self, wire::Envelope envelope);
  void save(core::ServerShard& shard, ShardId id);
  void finish_checkpoints();
  void dispatch(core::Outbox& outbox);
  void deliver(std::vector<wire::Envelope>& envelopes);
  void look_for_room(core::ServerShard& shard, Rank client, core::Outbox& outbox);
  void resume_pushes();
  Actor& actor_of(wire::NodeId node);
  void pump();
  void fail(const Error& cause);
  void give_up(const Error& cause);
  void hear_status(const std::string& text);
  void expect_somebody_goes_on(std::uint64_t ticket, const WorkerGauge& own, const std::function<std::string()>& what);
  [[nodiscard]] std::string describe_network_trouble() const;
  /// Throws Error(kTimeout) where another process was never heard from in all the time that starting may take.
  void expect_peers_reached(core::TimeNs waited, const std::function<std::string()>& what) const;
  void run_worker(int local_id, const std::function<void(WorkerContext&)>& body);
  void gather_statistics(ChannelHandle& channel);

  ProcessSpec spec_;
  Platform& platform_;
  BufferPool pool_;  // before everything that holds buffers
  core::Membership members_;
  ShapeRegistry shapes_;
  std::vector<store::CheckpointFolder> resumable_;  // folders that may hold what the job goes on from
  StartingPoint start_;                             // its shards' rows are theirs once they are made
  const std::unique_ptr<Waiter> waiter_;
  std::atomic<std::uint64_t> last_look_{WorkerGauge::kGoesOn};  // the ticket with which workers look once more

  std::unique_ptr<core::ClientCore> client_;
  std::unique_ptr<Actor> client_actor_;
  struct LocalShard {
    ShardId id;
    std::unique_ptr<core::ServerShard> core;
    std::unique_ptr<Actor> actor;
  };
  std::vector<LocalShard> shards_;
  std::vector<std::atomic<bool>> held_back_;  // by rank of client: a shard may hold pushes back; of a fixed size
  std::vector<WorkerGauge> gauges_;           // by local worker; of a fixed size

  std::vector<std::unique_ptr<TableHandle>> tables_;  // grows before run_workers only
  std::vector<std::unique_ptr<ChannelHandle>> channels_;
  bool workers_ran_ = false;
  std::vector<core::ClientTable*> tuned_tables_;
  std::atomic<Clock> tuned_staleness_{kTunedStalenessStart};  // relaxed: for people
  std::unique_ptr<StalenessControl> staleness_control_;       // only while workers run with --staleness auto
  std::function<void(const WorkerContext&)> on_advance_;

  std::mutex barrier_mutex_;  // a leaf but for the client's; guards the four below
  int barrier_arrivals_ = 0;
  int workers_ended_ = 0;
  Clock barrier_checkpoint_ = 0;
  std::uint64_t barriers_begun_ = 0;
  std::atomic<std::uint64_t> barriers_passed_{0};

  std::mutex failure_mutex_;  // a leaf; guards failure_
  std::optional<Error> failure_;
  std::atomic<bool> failed_{false};

  std::mutex status_mutex_;  // a leaf but for the listener's; guards on_status_
  std::function<void(monitor::ProcessStatus)> on_status_;

  std::mutex statistics_mutex_;  // a leaf; guards statistics_ while workers end
  JobStatistics statistics_;
  JobStatistics job_statistics_;

  // The network goes first when the process ends: its thread uses all of the above.
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<Participation> participation_;
  std::unique_ptr<Network> network_;

  std::unique_ptr<CheckpointWriter> checkpoint_writer_;
};

}  // namespace bosen::runtime
