#pragma once

// Programs of several commands, as `bosen run` and `poseidon train`: which command is meant, --help and --version,
// errors and exit code. Each command reads its own flags, with an OptionReader.

#include <functional>
#include <string>
#include <vector>

#include "bosen/base/config.h"

namespace bosen {

struct Command {
  std::string name;
  std::string help;  ///< a line
  /// Carries it out; argv[0] is the command's name. Returns the exit code, or throws.
  std::function<int(int argc, const char* const* argv)> run;
};

struct Program {
  std::string name;
  std::string description;
  std::vector<Command> commands;
  std::string footer = {};  ///< of the help
  std::string build = {};   ///< what --version says of this build, besides its number
};

/// Carries out the command that argv[1] names. What it throws goes to stderr, each line after "PROGRAM COMMAND: ".
/// Returns the exit code: Error's by its kind, kStorage's where stdout could not be written.
int run_program(const Program& program, int argc, const char* const* argv);

/// Reads a command's flags, or prints what --help or --version asks for; returns whether the command is to run.
bool read_flags(OptionReader& reader, int argc, const char* const* argv);

}  // namespace bosen
