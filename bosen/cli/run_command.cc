#include <CLI/CLI.hpp>
#include <memory>

#include "bosen/base/error.h"
#include "bosen/cli/cli.h"
#include "bosen/cli/own_folder.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/environment.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/supervisor.h"

namespace bosen::cli {
namespace {

struct RunFlags {
  launch::JobSize size;
  HostFlags hosts;
  std::vector<std::string> exports;
  double timeout_s = 60;
  std::string output_dir;
};

int run_program(const RunFlags& flags, const std::vector<std::string>& command) {
  if (command.empty()) {
    throw Error(ErrorKind::kUsage, "say which program to run, as in: bosen run -n 4 -- ./mlr --clocks 20");
  }
  const launch::GetEnv env = launch::process_environment();
  launch::JobRequest job;
  job.plan = launch::plan_job(flags.size, flags.hosts.hosts());
  job.command = command;
  if (!launch::is_in_path(command.front())) job.command.front() = launch::program_beside(own_folder(), command.front());
  job.exported = launch::exported_variables(flags.exports, env);
  job.timeout_s = flags.timeout_s;
  job.output_dir = flags.output_dir;
  job.ssh = launch::ssh_settings(env, flags.hosts.ssh_options);
  return launch::run_job(job);
}

}  // namespace

void add_run(CLI::App& app, Request& request) {
  CLI::App* const command = app.add_subcommand(
      "run", "Start PROGRAM as N processes, here or on a list of hosts: bosen run -n N [FLAGS] -- PROGRAM ARGUMENTS");
  command->prefix_command();
  const auto flags = std::make_shared<RunFlags>();
  command
      ->add_option("-n,--processes", flags->size.workers, "worker processes; default: as many as the hosts have slots")
      ->check(CLI::Range(1, launch::kMaxProcesses));
  flags->hosts.add_to(*command);
  command
      ->add_option("--servers", flags->size.servers,
                   "dedicated server processes besides; default: none, every process serves too")
      ->check(CLI::Range(0, launch::kMaxProcesses));
  command->add_option("-x", flags->exports, "a variable to set for every process: NAME or NAME=VALUE; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--timeout", flags->timeout_s, "seconds that starting may take")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  command->add_option("--output-dir", flags->output_dir, "folder for each rank's output: rank-N.out and rank-N.err");
  command->footer(
      "Example: bosen run -n 4 -H gnode1:2,gnode2:2 -- ./mlr --data fashion-mnist\n\n"
      "A PROGRAM without '/' is looked for in PATH, then beside bosen.\n\n"
      "Exit code: 0 all ranks ended well; 2 wrong usage, nothing started; 110 time-out; 128+n stopped by signal n; "
      "else the code of the\n"
      "rank that failed first (128+n where signal n killed it). Ctrl-C reaches every process; no process is left "
      "behind.");
  command->callback(
      [flags, &request] { request.action = [flags, &request] { return run_program(*flags, request.command); }; });
}

}  // namespace bosen::cli
