#pragma once

// The commands of poseidon. Each takes its own arguments (argv[0] is the command's name) and returns the exit code.

#include <functional>
#include <string>

#include "bosen/app.h"

namespace poseidon {

int train_command(int argc, const char* const* argv);
int test_command(int argc, const char* const* argv);
int time_command(int argc, const char* const* argv);
int describe_command(int argc, const char* const* argv);

/// Runs a command's body; an error becomes one line on stderr that begins with `name`. Returns the exit code.
int run_body(const std::string& name, const std::function<void()>& body);

/// Reads a command's flags, or prints what --help and --version ask for; returns whether the command is to run.
bool read_flags(const std::string& name, bosen::OptionReader& reader, int argc, const char* const* argv);

}  // namespace poseidon
