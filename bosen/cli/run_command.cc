#include "bosen/base/commands.h"
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
  int restarts = 0;
};

int start(const RunFlags& flags, const std::vector<std::string>& command) {
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
  job.restarts = flags.restarts;
  job.ssh = launch::ssh_settings(env, flags.hosts.ssh_options);
  return launch::run_job(job);
}

void declare(OptionReader& reader, RunFlags& flags) {
  const std::string heading = "Job";
  const auto most = static_cast<double>(launch::kMaxProcesses);
  reader.add(heading, {"processes",
                       &flags.size.workers,
                       "worker processes; default: as many as the hosts have slots",
                       {.minimum = 1, .maximum = most, .short_name = 'n'}});
  reader.add(heading, {"servers",
                       &flags.size.servers,
                       "dedicated server processes besides; default: none, every process serves too",
                       {.minimum = 0, .maximum = most}});
  reader.add(heading, {"export",
                       &flags.exports,
                       "a variable to set for every process; may be repeated",
                       {.value_name = "NAME|NAME=VALUE", .list = true, .short_name = 'x'}});
  reader.add(heading,
             {"timeout", &flags.timeout_s, "seconds that starting may take", {.minimum = 0.1, .maximum = 86400}});
  reader.add(heading, {"output-dir",
                       named(flags.output_dir, "a folder"),
                       "folder for each rank's output: rank-N.out and rank-N.err",
                       {.value_name = "DIR"}});
  reader.add(heading, {"restarts",
                       &flags.restarts,
                       "start the job again where it fails, at most so often; with --checkpoint-every, programs go on "
                       "from their last checkpoint",
                       {.minimum = 0, .maximum = 1000}});
  flags.hosts.add_to(reader);
}

}  // namespace

int run_command(int argc, const char* const* argv) {
  RunFlags flags;
  std::vector<std::string> command;
  OptionReader reader("bosen run", "Starts PROGRAM as N processes, here or on a list of hosts");
  declare(reader, flags);
  reader.take_rest(command);
  reader.set_usage("bosen run -n N [FLAGS] -- PROGRAM ARGUMENTS");
  reader.set_footer(
      "Example: bosen run -n 4 -H gnode1:2,gnode2:2 -- ./mlr --data fashion-mnist\n\n"
      "A PROGRAM without '/' is looked for in PATH, then beside bosen.\n\n"
      "Exit code: 0 all ranks ended well; 2 wrong usage, nothing started; 110 time-out; 128+n stopped by signal n; "
      "else the "
      "code of the\nrank that failed first (128+n where signal n killed it). Ctrl-C reaches every process; no process "
      "is left "
      "behind.");
  return read_flags(reader, argc, argv) ? start(flags, command) : 0;
}

}  // namespace bosen::cli
