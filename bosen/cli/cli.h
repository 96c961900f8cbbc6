#pragma once

// The commands of the program `bosen`, each a file of its own. Each takes its own arguments (argv[0] is the command's
// name), returns the exit code and throws Error.

#include <string>
#include <vector>

#include "bosen/base/config.h"
#include "bosen/launch/hostfile.h"

namespace bosen::cli {

int run_command(int argc, const char* const* argv);
int sim_command(int argc, const char* const* argv);
int sweep_command(int argc, const char* const* argv);
int top_command(int argc, const char* const* argv);
int check_command(int argc, const char* const* argv);
int doctor_command(int argc, const char* const* argv);

/// Reads a text into `target` and refuses an empty one: where a script's variable is not set, "$HOSTS" must not pass
/// for a flag that was not given. `what` is what it has to name.
OptionParser named(std::string& target, const char* what);

/// The flags that name hosts, and how ssh reaches them; shared by `run` and `check`.
struct HostFlags {
  std::string list;                      ///< -H
  std::string file;                      ///< --hostfile
  std::vector<std::string> ssh_options;  ///< --ssh-option

  void add_to(OptionReader& reader);
  /// The hosts they name; none where there is no such flag. Throws Error.
  [[nodiscard]] std::vector<launch::Host> hosts() const;
};

}  // namespace bosen::cli
