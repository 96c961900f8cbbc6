#include "bosen/lab/sweep_runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "bosen/base/error.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/signals.h"
#include "bosen/launch/text.h"

namespace bosen::lab {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& path) {
  throw Error(ErrorKind::kStorage, fmt::format("cannot write '{}': name another folder with --output", path));
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) refuse(path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Of the files that the run reads: their names are in the fingerprint, what they hold may change.
std::string versions(const SweepRun& run) {
  return run.profile_version.empty() ? run.build : fmt::format("{} profile {}", run.build, run.profile_version);
}

/// Besides the versions, what has to be the same for a result to count again. Not the folder, which the next call may
/// spell otherwise.
std::string fingerprint(const SweepRun& run) {
  std::string text = fmt::format("{}\n{}", fmt::join(run.command, "\n"), run.cluster);
  for (std::size_t at = text.find(run.folder); at != std::string::npos; at = text.find(run.folder, at)) {
    text.erase(at, run.folder.size());
  }
  return text;
}

/// What is known of a run that has ended well or diverged: three parts of its file.
struct Record {
  std::string status;
  std::string versions;
  std::string fingerprint;
};

std::string done_file(const std::string& folder) { return folder + "/done.txt"; }
std::string log_file(const SweepRun& run) { return run.folder + "/log.txt"; }

Record read_record(const std::string& folder) {
  std::ifstream file(done_file(folder));
  Record record;
  std::getline(file, record.status);
  std::getline(file, record.versions);
  record.fingerprint = {std::istreambuf_iterator<char>(file), {}};
  return record;
}

void write_record(const SweepRun& run, const Record& record) {
  write_file(done_file(run.folder), fmt::format("{}\n{}\n{}", record.status, record.versions, record.fingerprint));
}

RunOutcome outcome_of(const SweepRun& run, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {.status = RunStatus::kDone, .last_line = {}};
  const std::string log = read_file(log_file(run));
  // How apps end where numbers have grown beyond all bounds; one that crashed may have spoken of it, too.
  const bool refused = WIFEXITED(status) && WEXITSTATUS(status) == exit_code(ErrorKind::kUsage);
  const bool diverged =
      refused && (log.find("diverged") != std::string::npos || log.find("not finite") != std::string::npos);
  return {.status = diverged ? RunStatus::kDiverged : RunStatus::kFailed,
          .last_line = std::string(launch::last_line(log))};
}

/// A program under way, its output in its run's log.
pid_t start(const SweepRun& run) {
  std::error_code error;
  // What an attempt that was stopped has left: a program may refuse to mix it with its own.
  std::filesystem::remove_all(run.folder, error);
  if (!error) std::filesystem::create_directories(run.folder, error);
  if (error) refuse(run.folder);
  if (!run.cluster.empty()) write_file(run.folder + "/cluster.yaml", run.cluster);
  write_file(run.folder + "/command.txt", fmt::format("{}\n", fmt::join(run.command, " ")));
  write_file(log_file(run), "");
  launch::ChildProcess child = launch::start_child({.command = run.command,
                                                    .environment = launch::own_environment(),
                                                    .takes_input = false,
                                                    .log_file = log_file(run)});
  return child.pid;
}

}  // namespace

RunOutcome recorded_outcome(const SweepRun& run) {
  const Record record = read_record(run.folder);
  if (record.fingerprint != fingerprint(run) || record.versions != versions(run)) return {};
  const bool diverged = record.status == "diverged";
  if (!diverged && !std::filesystem::exists(run.folder + "/metrics.jsonl")) return {};
  return {.status = diverged ? RunStatus::kDiverged : RunStatus::kDone, .last_line = {}};
}

bool is_of_another_build(const SweepRun& run) {
  const Record record = read_record(run.folder);
  return record.fingerprint == fingerprint(run) && record.versions != versions(run);
}

void check_output(const std::string& output, const std::vector<SweepRun>& runs) {
  std::map<std::string, std::string> own;  // fingerprints by folder's name
  for (const SweepRun& run : runs) own[std::filesystem::path(run.folder).filename()] = fingerprint(run);
  std::vector<std::string> others;
  std::error_code error;  // no folder yet: nothing is lost
  for (const auto& entry : std::filesystem::directory_iterator(output + "/runs", error)) {
    const std::string done_by = read_record(entry.path()).fingerprint;
    const auto same = own.find(entry.path().filename());
    if (!done_by.empty() && (same == own.end() || same->second != done_by)) others.push_back(entry.path());
  }
  if (others.empty()) return;
  throw Error(ErrorKind::kUsage, fmt::format("'{}' has results of another sweep, as in {}: name another folder with "
                                             "--output, or remove this one",
                                             output, *std::min_element(others.begin(), others.end())));
}

int SweepRunner::run(const OnProgress& on_progress) {
  outcomes_.assign(runs_.size(), {});
  std::vector<std::size_t> pending;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    outcomes_[i] = recorded_outcome(runs_[i]);
    if (outcomes_[i].status == RunStatus::kPending) pending.push_back(i);
  }
  std::reverse(pending.begin(), pending.end());
  Progress progress{.done = static_cast<int>(runs_.size() - pending.size()), .all = static_cast<int>(runs_.size())};
  const int done_before = progress.done;
  const auto begin = SteadyClock::now();
  launch::Signals signals;
  std::map<pid_t, std::size_t> running;
  int stopped_by = 0;
  while (!running.empty() || (!pending.empty() && stopped_by == 0)) {
    while (stopped_by == 0 && !pending.empty() && std::cmp_less(running.size(), parallel_)) {
      running[start(runs_[pending.back()])] = pending.back();
      pending.pop_back();
    }
    pollfd wait{signals.poll_fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    for (const int signal : signals.take()) {
      if (signal == SIGCHLD) continue;
      // Who stops it twice does not want to wait for a program that takes no notice.
      for (const auto& [pid, index] : running) ::kill(-pid, stopped_by == 0 ? signal : SIGKILL);
      if (stopped_by == 0) stopped_by = signal;
    }
    for (auto child = running.begin(); child != running.end();) {
      int status = 0;
      if (::waitpid(child->first, &status, WNOHANG) != child->first) {
        ++child;
        continue;
      }
      const SweepRun& run = runs_[child->second];
      RunOutcome& outcome = outcomes_[child->second];
      child = running.erase(child);
      if (stopped_by != 0) continue;
      outcome = outcome_of(run, status);
      if (outcome.status != RunStatus::kFailed) {
        write_record(run, {outcome.status == RunStatus::kDone ? "done" : "diverged", versions(run), fingerprint(run)});
      }
      ++progress.done;
      const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
      progress.seconds_left = seconds / (progress.done - done_before) * (progress.all - progress.done);
      on_progress(progress, run, outcome);
    }
  }
  return stopped_by;
}

}  // namespace bosen::lab
