// poseidon: trains neural networks on bosen.

#include "bosen/commands.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/device_choice.h"
#include "poseidon/cli/thread_waits.h"

int main(int argc, char** argv) {
  using namespace poseidon;
  restart_with_short_waits(argv);
  return bosen::run_program(
      {.name = "poseidon",
       .description = "poseidon trains neural networks, described in YAML in Caffe's words, on one machine or many.\n",
       .commands = {{"train", "train a net: alone, or on many processes under 'bosen run'", train_command},
                    {"test", "measure what a trained net gets right", test_command},
                    {"time", "how long each layer takes on this machine", time_command},
                    {"data", "make a data set from images", data_command},
                    {"describe", "a net's layers, shapes, costs, and how its gradients would travel",
                     describe_command}},
       .footer = "First steps:\n"
                 "  poseidon data --from idx --images /usr/share/datasets/fashion-mnist --output fashion\n"
                 "  poseidon train config/solvers/lenet.yaml --data fashion --output results",
       .build = gpu_support()},
      argc, argv);
}
