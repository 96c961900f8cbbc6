#pragma once

// Starting one child process. The caller is single-threaded and owns the child: it must reap it.

#include <sys/types.h>

#include <string>
#include <vector>

#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

struct ChildRequest {
  std::vector<std::string> command;      ///< path of the program (see find_program), then its arguments
  std::vector<std::string> environment;  ///< "NAME=VALUE"; the whole environment of the child
  bool takes_input = false;              ///< its stdin is a pipe from us; otherwise /dev/null
  std::string log_file = {};             ///< what it says is appended here; empty: it comes to us by pipes
};

/// A running child: leader of its own process group, killed by the kernel when we die. Our ends of its pipes do not
/// block.
struct ChildProcess {
  pid_t pid = -1;
  UniqueFd in;  ///< only where it takes input
  UniqueFd out;
  UniqueFd err;
};

/// Starts a child with default signal handling. Throws Error(kUsage) where the program cannot be executed.
ChildProcess start_child(const ChildRequest& request);

/// The path to execute for `name`: itself where it has a slash, else the first executable in PATH. Throws Error(kUsage)
/// where there is none.
std::string find_program(const std::string& name);

/// Whether a folder of PATH has an executable of that name.
bool is_in_path(const std::string& name);

/// The path to start `name` by: in `folder` where it has no slash and there is such a file, else as it is.
std::string program_beside(const std::string& folder, const std::string& name);

/// This process's environment, as "NAME=VALUE".
std::vector<std::string> own_environment();

/// `base` with the given variables set, replacing those of the same name.
std::vector<std::string> with_variables(std::vector<std::string> base,
                                        const std::vector<std::pair<std::string, std::string>>& variables);

/// Allows this process `count` open files where the hard limit does; children get the old limit back. Throws
/// Error(kUsage) where it does not.
void allow_open_files(std::size_t count);

}  // namespace bosen::launch
