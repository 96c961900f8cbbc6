#pragma once

// One rank as bosen run sees it: a child process here, or an ssh whose other end runs the rank. Owned by the
// supervisor, driven by its loop, single-threaded.
//
// States only go forward: idle -> preparing -> ready -> running -> ended -> finished. `prepare` makes sure that the
// rank can start without starting it; `start` starts it. "Ended" means that how it ended is known, "finished" that its
// output is complete and nothing of it is left here. A rank that is refused goes to finished without having run.

#include <poll.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/launch/child_process.h"
#include "bosen/launch/exit_status.h"
#include "bosen/launch/guardian.h"
#include "bosen/launch/hostfile.h"
#include "bosen/launch/job_plan.h"
#include "bosen/launch/output_mux.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/ssh.h"

namespace bosen::launch {

class RankProcess {
 public:
  enum class State { kIdle, kPreparing, kReady, kRunning, kEnded, kFinished };

  RankProcess(Rank rank, std::string host_name, Guardian& guardian);
  virtual ~RankProcess() = default;
  RankProcess(const RankProcess&) = delete;
  RankProcess& operator=(const RankProcess&) = delete;

  /// Idle to preparing or ready. Throws Error where the rank cannot start.
  virtual void prepare() = 0;
  /// Ready to running (for ssh: as soon as the other side says so). Throws Error where the program cannot be executed.
  virtual void start() = 0;
  /// Sends a signal to the rank's process group. Does nothing once it has ended.
  virtual void send_signal(int signal) = 0;
  /// Called now and then, at least every kRemoteBeat.
  virtual void tick(Deadline now);

  /// Adds what on_ready() must be told of. `read`: whether output is wanted now.
  virtual void add_poll(std::vector<pollfd>& polled, bool read) const;
  /// Reads and writes what is ready at `fd`. Returns what the program wrote to `stream`, if that is what was ready.
  struct Output {
    Stream stream = Stream::kOut;
    std::string bytes;
  };
  virtual std::optional<Output> on_ready(int fd);
  [[nodiscard]] bool owns(int fd) const;

  /// Looks whether the child process has ended; call it after every SIGCHLD.
  void look_at_child();
  /// Does what is due after the child process's or the rank's end; call it in every turn. `paused`: output is not read
  /// now, as its reader is slow, so the rest of it must not be given up.
  void check_child(Deadline now, bool paused);
  /// Kills the child process, or gives up a rank that has none.
  void abandon();
  [[nodiscard]] bool has_child() const { return child_.pid > 0; }

  [[nodiscard]] Rank rank() const { return rank_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& host() const { return host_; }
  /// Set from "ended" on, unless the rank was refused.
  [[nodiscard]] const std::optional<Ending>& ending() const { return ending_; }
  /// Why the rank could not start: one line; empty if it could.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  /// Whether it was sent a signal by us before it ended.
  [[nodiscard]] bool was_signalled() const { return signalled_; }
  /// The program's process id on its host; 0 before it runs.
  [[nodiscard]] pid_t program_pid() const { return program_pid_; }
  /// "rank 3 on gnode2 (pid 17)".
  [[nodiscard]] std::string describe() const;

 protected:
  /// The bytes that came at `stream`: returns those that the program wrote.
  virtual std::string absorb(Stream stream, std::string bytes) = 0;
  /// The stream has ended: returns what was held back of it.
  virtual std::string absorb_end(Stream stream) = 0;
  /// Whether the child's wait status says how the rank ended; otherwise the child's output does.
  [[nodiscard]] virtual bool ending_is_in_status() const = 0;
  /// The child process has ended with this wait status, and its output has been absorbed if that says how the rank
  /// ended.
  virtual void child_ended(int status) = 0;

  void adopt(ChildProcess child);
  void refuse(std::string why);
  void set_ending(const Ending& ending);

  Guardian& guardian_;
  ChildProcess child_;
  State state_ = State::kIdle;
  pid_t program_pid_ = 0;
  bool signalled_ = false;
  bool child_gone_ = false;  ///< the child has ended; it is reaped when finished, so that its number stays ours

 private:
  void finish();

  Rank rank_;
  std::string host_;
  std::string refusal_;
  std::optional<Ending> ending_;
  std::optional<int> child_status_;      ///< of a child that has ended, until child_ended() is told
  std::optional<Deadline> abandon_at_;   ///< when the child process has lived on for too long after the rank ended
  std::optional<Deadline> drain_until_;  ///< when the rest of the output is given up
};

/// A rank on this host.
class LocalRank final : public RankProcess {
 public:
  LocalRank(Rank rank, std::string host_name, Guardian& guardian, ChildRequest request);
  void prepare() override;
  void start() override;
  void send_signal(int signal) override;

 private:
  std::string absorb(Stream stream, std::string bytes) override;
  std::string absorb_end(Stream stream) override;
  [[nodiscard]] bool ending_is_in_status() const override;
  void child_ended(int status) override;

  ChildRequest request_;
};

/// A rank on another host.
class RemoteRank final : public RankProcess {
 public:
  /// Throws Error(kUsage) where there is no ssh.
  RemoteRank(Rank rank, const Host& host, Guardian& guardian, SshSettings ssh, RemoteProgram program);
  void prepare() override;
  void start() override;
  void send_signal(int signal) override;
  void tick(Deadline now) override;
  void add_poll(std::vector<pollfd>& polled, bool read) const override;
  std::optional<Output> on_ready(int fd) override;

 private:
  std::string absorb(Stream stream, std::string bytes) override;
  std::string absorb_end(Stream stream) override;
  [[nodiscard]] bool ending_is_in_status() const override;
  void child_ended(int status) override;

  void send_line(std::string_view line);
  void write_input();
  void on_report(const std::string& report);
  [[nodiscard]] std::string explain_refusal(std::string_view reason) const;

  Host target_;
  SshSettings ssh_;
  ChildRequest child_request_;
  RemoteProgram program_;
  std::array<ReportFilter, 2> filters_;  ///< by stream
  bool start_sent_ = false;              ///< the other side reads signals from now on
  bool output_begins_ = false;           ///< the login shell's noise is over
  std::string connecting_errors_;        ///< what ssh and the login shell wrote to stderr before the rank was ready
  std::string input_;                    ///< what still has to go to ssh's stdin
  bool close_input_ = false;             ///< close ssh's stdin once `input_` is out
  Deadline next_beat_{};
};

}  // namespace bosen::launch
