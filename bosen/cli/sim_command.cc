#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "bosen/base/commands.h"
#include "bosen/base/error.h"
#include "bosen/cli/cli.h"
#include "bosen/cli/own_folder.h"
#include "bosen/launch/app_flags.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/environment.h"
#include "bosen/sim/sim_spec.h"

namespace bosen::cli {
namespace {

struct SimFlags {
  std::string spec;
  std::string output;
  std::uint64_t seed = 0;  ///< 0: the file's
};

/// Whether the words give a value to the flag.
bool give(const std::vector<std::string>& words, const std::string& name) {
  const std::string flag = "--" + name;
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word == flag || word.starts_with(flag + "="); });
}

/// The program with the file's flags, but for those that the command line gives instead.
std::vector<std::string> command_line(const sim::SimSpec& spec, const SimFlags& flags,
                                      const std::vector<std::string>& further) {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"workers", std::to_string(spec.workers)},
      {"shards", std::to_string(spec.shards)},
      {"seed", std::to_string(flags.seed == 0 ? spec.seed : flags.seed)}};
  if (!flags.output.empty()) settings.emplace_back("output", flags.output);
  for (const auto& [name, value] : spec.flags) settings.emplace_back(name, value.text());
  std::vector<std::string> command = {launch::program_beside(own_folder(), spec.program.text())};
  for (const auto& [name, value] : settings) {
    if (!give(further, name)) command.push_back(fmt::format("--{}={}", name, value));
  }
  command.insert(command.end(), further.begin(), further.end());
  return command;
}

/// Becomes the app's own program, which finds the specification in its environment.
int run_simulated(const SimFlags& flags, const std::vector<std::string>& further) {
  const sim::SimSpec spec = sim::read_sim_spec(flags.spec);
  // Other programs would run, and simulate nothing.
  const std::vector<std::string> flags_of_app = launch::flags_of_app(spec.program, own_folder());
  for (const auto& flag : spec.flags) launch::check_flag(flag, spec.program, flags_of_app);
  std::vector<std::string> command = command_line(spec, flags, further);
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  launch::set_simulation_file(std::filesystem::absolute(flags.spec).string());
  ::execvp(words.front(), words.data());
  spec.program.fail(fmt::format("cannot start '{}': {}", spec.program.text(), std::strerror(errno)));
}

}  // namespace

int sim_command(int argc, const char* const* argv) {
  SimFlags flags;
  std::vector<std::string> further;
  OptionReader reader("bosen sim", "Runs an app's own code on a simulated cluster, in virtual time");
  const std::string heading = "Simulation";
  reader.add(heading, {"spec",
                       &flags.spec,
                       "YAML file that names the app and describes the cluster",
                       {.value_name = "SPEC.yaml", .required = true, .positional = true}});
  reader.add(heading, {"output",
                       &flags.output,
                       "folder for the app's results, metrics.jsonl and simulation.json",
                       {.value_name = "DIR"}});
  reader.add(heading, {"seed", &flags.seed, "of everything random; 0: the file's", {}});
  reader.take_rest(further);
  reader.set_usage("bosen sim SPEC.yaml [FLAGS] [-- FLAGS OF THE APP]");
  reader.set_footer(
      "Example: bosen sim config/sweeps/mf-256.yaml --output mf-256 -- --staleness 8\n\n"
      "Flags after '--' win over the file's.\n\n"
      "The same file and seed give the same results, byte for byte. Times in the results are the simulated cluster's.");
  return read_flags(reader, argc, argv) ? run_simulated(flags, further) : 0;
}

}  // namespace bosen::cli
