#pragma once

namespace poseidon {

/// poseidon data: makes a data set. Like the commands of command.h.
int data_command(int argc, const char* const* argv);

}  // namespace poseidon
