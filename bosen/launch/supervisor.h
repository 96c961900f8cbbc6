#pragma once

// Starts a job's processes, passes on their output and our signals, and ends them all when one fails: one poll() loop
// in one thread.
//
// Nothing is started before everything is known to be startable: first every host is connected and every program found,
// then all ranks start. Whatever happens, no process of the job is left when run() returns; when bosen run itself is
// killed, the kernel, the guardian and the remote watchers end them.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/launch/console.h"
#include "bosen/launch/exit_status.h"
#include "bosen/launch/guardian.h"
#include "bosen/launch/host_route.h"
#include "bosen/launch/job_plan.h"
#include "bosen/launch/rank_logs.h"
#include "bosen/launch/rank_process.h"
#include "bosen/launch/rendezvous_server.h"
#include "bosen/launch/signals.h"

namespace bosen::launch {

struct JobRequest {
  JobPlan plan;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> exported;  ///< variables to set for every rank
  double timeout_s = 60;                                      ///< how long starting may take
  std::string output_dir;                                     ///< empty: no files
  int restarts = 0;                                           ///< how often it may be started again where it fails
  SshSettings ssh;
};

/// Runs a job to its end and returns bosen run's exit code (see Outcome). Throws Error where it cannot even begin; a
/// message of several lines names several hosts.
int run_job(const JobRequest& request);

/// Runs one job once. Owns everything of it.
class Supervisor {
 public:
  /// Prepares to run the job: opens the rendezvous and the output files. `request` and `routes` (one for each host of
  /// the plan) must outlive it. `restart`: how often the job has been started before. Throws Error.
  Supervisor(const JobRequest& request, const HostRoutes& routes, int restart);

  /// Runs the job to its end and returns bosen run's exit code (see Outcome).
  int run();
  /// How it ended.
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }

 private:
  using Clock = std::chrono::steady_clock;

  /// How the job is being ended: a signal, SIGKILL 5 s later, and then whatever it takes.
  struct Escalation {
    int signal = 0;
    Deadline signal_at;
    Deadline kill_at;
    Deadline abandon_at;
    bool signalled = false;
    bool killed = false;
  };

  void make_ranks();
  std::unique_ptr<RankProcess> make_rank(const RankPlace& place);
  std::vector<std::pair<std::string, std::string>> variables_of(const RankPlace& place) const;

  void prepare_all();
  void prepare_next();
  void start_all();
  void run_until_finished();
  int conclude();
  void say_ending();

  /// Waits for something to happen and deals with it.
  void turn();
  void serve_signals();
  void serve_rank(RankProcess& rank, int fd);
  void note_progress();
  void note_ended(const RankProcess& rank);
  void note_finished(const RankProcess& rank);
  void check_joining();
  void tell_waiting();
  void escalate();
  void say_who_is_killed();

  void refuse(const std::string& why);
  void end_job(int signal, Deadline signal_at);
  void broadcast(int signal);
  [[nodiscard]] std::size_t host_of(const RankProcess& rank) const;
  [[nodiscard]] bool all_finished() const;
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] bool has_joined(const RankProcess& rank) const;
  [[nodiscard]] bool is_joining() const;
  [[nodiscard]] std::string list_missing() const;
  [[nodiscard]] std::vector<const Host*> connecting_hosts() const;

  const JobRequest& request_;
  const HostRoutes& routes_;
  const int restart_;
  std::string job_;
  Guardian guardian_;  ///< first of what starts processes, so that it holds none of the others' descriptors
  Signals signals_;
  RankLogs logs_;
  RendezvousServer rendezvous_;
  Console console_;
  OutputMux mux_;
  std::vector<std::unique_ptr<RankProcess>> ranks_;
  std::vector<RankProcess::State> seen_;  ///< by rank: the state that was last noted
  std::vector<std::string> refusals_;     ///< lines that were said already
  Outcome outcome_;
  std::optional<Escalation> ending_;
  bool started_ = false;
  Deadline since_;        ///< when this phase began
  Deadline next_notice_;  ///< when to say again what is waited for
};

}  // namespace bosen::launch
