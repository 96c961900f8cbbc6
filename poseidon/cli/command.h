#pragma once

// The commands of poseidon. Each takes its own arguments (argv[0] is the command's name), returns the exit code and
// throws bosen::Error.

namespace poseidon {

int train_command(int argc, const char* const* argv);
int test_command(int argc, const char* const* argv);
int time_command(int argc, const char* const* argv);
int data_command(int argc, const char* const* argv);
int describe_command(int argc, const char* const* argv);

}  // namespace poseidon
