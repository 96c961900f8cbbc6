#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bosen/base/commands.h"
#include "bosen/base/counted.h"
#include "bosen/base/error.h"
#include "bosen/base/folder_lock.h"
#include "bosen/base/shell.h"
#include "bosen/base/streams.h"
#include "bosen/base/terminal.h"
#include "bosen/cli/cli.h"
#include "bosen/cli/own_folder.h"
#include "bosen/lab/sweep_results.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/text.h"
#include "bosen/monitor/progress.h"

namespace bosen::cli {
namespace {

constexpr const char* kPython = "/usr/bin/python3";  // the one that Debian's matplotlib belongs to

struct SweepFlags {
  std::string spec;
  std::string output;
  bool dry_run = false;
  int parallel = 0;
};

void print_plan(const std::vector<lab::SweepRun>& runs) {
  int done = 0;
  for (const lab::SweepRun& run : runs) {
    const bool is_done = lab::recorded_outcome(run).status != lab::RunStatus::kPending;
    done += is_done ? 1 : 0;
    std::string command;
    for (const std::string& word : run.command) command += " " + shell_word(word);
    fmt::print("{:04}  {}{}\n     {}\n", run.number, run.title(), is_done ? "  (done)" : "", command);
  }
  say(fmt::format("bosen sweep: {}, {} of them done; nothing was started\n",
                  counted(static_cast<std::int64_t>(runs.size()), "run"), done));
}

void show(const lab::SweepRunner::Progress& progress, const lab::SweepRun& run, const lab::RunOutcome& outcome) {
  std::string text = fmt::format("bosen sweep: {}/{}", progress.done, progress.all);
  if (progress.done < progress.all) text += fmt::format(", {} left", monitor::duration_text(progress.seconds_left));
  text += fmt::format("  {}", run.title());
  if (outcome.status == lab::RunStatus::kDiverged) text += ": diverged";
  if (outcome.status == lab::RunStatus::kFailed) text += fmt::format(": failed: {}", outcome.last_line);
  const TerminalStyle style = stderr_style();
  const bool stays = !style.rewrites_lines || outcome.status != lab::RunStatus::kDone || progress.done == progress.all;
  if (style.rewrites_lines) text = "\r\x1b[K" + text.substr(0, static_cast<std::size_t>(style.columns));
  say(fmt::format("{}{}", text, stays ? "\n" : ""));
  std::fflush(stderr);
}

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) throw Error(ErrorKind::kStorage, fmt::format("cannot write '{}'", path));
}

/// Returns why there is no report; empty: there is one.
std::string make_report(const std::string& output) {
  const std::string script = shared_file("sweep_report.py");
  const std::string log = output + "/report.log";
  const launch::ChildProcess child = launch::start_child({.command = {kPython, script, output},
                                                          .environment = launch::own_environment(),
                                                          .takes_input = false,
                                                          .log_file = log});
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::ifstream file(log);
  const std::string said{std::istreambuf_iterator<char>(file), {}};
  const bool lacks_matplotlib = said.find("No module named 'matplotlib'") != std::string::npos;
  return lacks_matplotlib ? "it takes Debian's python3-matplotlib"
                          : fmt::format("{} (all of it in {})", launch::printable(launch::last_line(said)), log);
}

int conclude(const lab::SweepSpec& spec, const lab::SweepRunner& runner, const std::string& output) {
  const lab::SweepResults results(spec, runner);
  write(output + "/results.csv", results.csv());
  write(output + "/summary.json", results.json());
  for (const std::string& conclusion : results.conclusions()) say(fmt::format("bosen sweep: {}\n", conclusion));
  say(fmt::format("bosen sweep: wrote {0}/results.csv (a row an evaluation), {0}/summary.json\n", output));
  std::string no_report;
  try {
    no_report = make_report(output);
  } catch (const Error& error) {
    no_report = error.what();
  }
  if (no_report.empty()) {
    say(fmt::format("bosen sweep: wrote {0}/report.html and {0}/figures\nbosen sweep: next, look: xdg-open {1}\n",
                    output, shell_word(output + "/report.html")));
  } else {
    say(
        fmt::format("bosen sweep: no report: {}. When that is mended, call bosen sweep again: what is done is not "
                    "repeated\n",
                    no_report));
  }
  const std::string missing = results.missing_measure();
  if (!missing.empty()) say(fmt::format("bosen sweep: {}\n", missing));
  for (const std::string& damaged : results.damaged()) say(fmt::format("bosen sweep: {}\n", damaged));
  const auto failed = std::count_if(runner.outcomes().begin(), runner.outcomes().end(),
                                    [](const auto& outcome) { return outcome.status == lab::RunStatus::kFailed; });
  if (failed > 0) {
    say(fmt::format("bosen sweep: {} failed: see log.txt in {}\n", counted(failed, "run"),
                    failed == 1 ? "its folder" : "their folders"));
  }
  return failed > 0 || !results.damaged().empty() || !missing.empty() ? 1 : 0;
}

void tell_of_other_builds(const lab::SweepSpec& spec, const std::vector<lab::SweepRun>& runs) {
  const auto repeated = std::count_if(runs.begin(), runs.end(), lab::is_of_another_build);
  if (repeated == 0) return;
  const bool profiled =
      std::any_of(runs.begin(), runs.end(), [](const auto& run) { return !run.profile_version.empty(); });
  say(fmt::format("bosen sweep: {} of an earlier call {} by another build of {}{}, and {} repeated\n",
                  counted(repeated, "run"), repeated == 1 ? "was" : "were", spec.program.text(),
                  profiled ? " or with another profile" : "", repeated == 1 ? "is" : "are"));
}

int run_sweep(const SweepFlags& flags) {
  lab::SweepSpec spec = lab::read_sweep_spec(flags.spec);
  if (flags.parallel > 0) spec.parallel = flags.parallel;
  const std::string output = flags.output.empty() ? spec.name : flags.output;
  lab::check_program(spec, own_folder());
  std::vector<lab::SweepRun> runs = lab::plan_runs(spec, output, own_folder());
  lab::check_output(output, runs);
  if (flags.dry_run) {
    print_plan(runs);
    return 0;
  }
  std::error_code error;
  std::filesystem::create_directories(output, error);
  const FolderLock lock(output);
  lock.expect_no_other("name another folder with --output");
  const std::string saved = output + "/spec.yaml";
  std::error_code no_file;
  const bool is_saved = std::filesystem::equivalent(flags.spec, saved, no_file);
  if (!error && !is_saved) {
    std::filesystem::copy_file(flags.spec, saved, std::filesystem::copy_options::overwrite_existing, error);
  }
  if (error) {
    throw Error(ErrorKind::kStorage,
                fmt::format("cannot write to '{}': {}; name another folder with --output", output, error.message()));
  }
  tell_of_other_builds(spec, runs);
  lab::SweepRunner runner(std::move(runs), spec.parallel);
  if (const int signal = runner.run(show); signal != 0) {
    say("\nbosen sweep: stopped; the same call again goes on where it was\n");
    return 128 + signal;
  }
  return conclude(spec, runner, output);
}

}  // namespace

int sweep_command(int argc, const char* const* argv) {
  SweepFlags flags;
  OptionReader reader("bosen sweep", "Runs an app over a grid of settings and compares them");
  const std::string heading = "Sweep";
  reader.add(heading, {"spec",
                       &flags.spec,
                       "YAML file that names the app and what is varied",
                       {.value_name = "SPEC.yaml", .required = true, .positional = true}});
  reader.add(heading,
             {"output", &flags.output, "folder for everything; default: the sweep's name", {.value_name = "DIR"}});
  reader.add(heading, {"dry-run", &flags.dry_run, "only say what would be run", {}});
  reader.add(heading,
             {"parallel", &flags.parallel, "runs at a time; 0: as the file says", {.minimum = 0, .maximum = 1024}});
  reader.set_footer(
      "Example: bosen sweep config/sweeps/mf-staleness.yaml --output staleness\n\n"
      "Runs that are done are not repeated, unless the app was built anew or a profile changed: call it again after "
      "an interruption. Exit code: 0; 1 where a run failed, or none reports the target's measure; 128+n where "
      "signal n stopped it.");
  return read_flags(reader, argc, argv) ? run_sweep(flags) : 0;
}

}  // namespace bosen::cli
