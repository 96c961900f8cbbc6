// bosen: starts, checks, watches, simulates and compares programs on bosen.

#include "bosen/base/commands.h"
#include "bosen/cli/cli.h"

int main(int argc, char** argv) {
  using namespace bosen;
  return run_program(
      {.name = "bosen",
       .description = "bosen: tables with bounded staleness that the workers of a cluster share.\n",
       .commands = {{"run", "start a program as N processes, here or on a list of hosts", cli::run_command},
                    {"check", "check hosts before anything starts", cli::check_command},
                    {"top", "watch a running job", cli::top_command},
                    {"sim", "run an app's own code on a simulated cluster", cli::sim_command},
                    {"sweep", "run an app over a grid of settings and compare them", cli::sweep_command},
                    {"doctor", "say what this build and this machine can do", cli::doctor_command}},
       .footer = "First steps:\n"
                 "  bosen run -n 4 -- mlr --data /usr/share/datasets/fashion-mnist\n"
                 "  bosen check --hostfile hosts.txt\n"
                 "  bosen sim config/sweeps/mf-256.yaml --output mf-256"},
      argc, argv);
}
