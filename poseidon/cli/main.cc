// poseidon: trains neural networks on bosen.

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/suggestion.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/data_command.h"

namespace {

struct Command {
  std::string_view name;
  std::string_view help;
  int (*run)(int argc, const char* const* argv);
};

constexpr std::array kCommands{
    Command{"train", "train a net: alone, or on many processes under 'bosen run'", poseidon::train_command},
    Command{"test", "measure what a trained net gets right", poseidon::test_command},
    Command{"time", "how long each layer takes on this machine", poseidon::time_command},
    Command{"data", "make a data set from images", poseidon::data_command},
    Command{"describe", "a net's layers, shapes, costs, and how its gradients would travel",
            poseidon::describe_command},
};

void print_help(std::FILE* out) {
  fmt::print(out,
             "poseidon trains neural networks, described in YAML in Caffe's words, on one machine or many.\n\n"
             "Usage: poseidon COMMAND [FLAGS]; 'poseidon COMMAND --help' lists a command's flags.\n\nCommands:\n");
  for (const Command& command : kCommands) fmt::print(out, "  {:<10}{}\n", command.name, command.help);
  fmt::print(out,
             "\nFirst steps:\n"
             "  poseidon data --from idx --images /usr/share/datasets/fashion-mnist --output fashion\n"
             "  poseidon train config/solvers/lenet.yaml --data fashion --output results\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "poseidon: needs a command: train, test, time, data or describe; see poseidon --help\n");
    return 2;
  }
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(stdout);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.name == name) return command.run(argc - 1, argv + 1);
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  const std::string nearest = bosen::suggestion(name, names);
  fmt::print(stderr, "poseidon: there is no command '{}'{}\n", name,
             nearest.empty() ? ": use train, test, time, data or describe" : nearest);
  return 2;
}
