#pragma once

// What this machine offers to a job: for `bosen doctor`. Reads /proc and /sys; single-threaded.

#include <cstdint>
#include <optional>
#include <string>

namespace bosen::launch {

struct Machine {
  std::string system;     ///< "Linux 6.1.0, x86_64"
  std::string host;       ///< its name
  std::string processor;  ///< model, empty where the system does not say
  int cores = 1;          ///< that this process may use, by affinity and by the container's quota
  int cores_online = 1;
  std::int64_t memory_bytes = 0;  ///< of the machine, or what the container allows where that is less
  std::int64_t memory_free_bytes = 0;
  std::int64_t open_files = 0;  ///< soft limit; -1: no limit
  std::int64_t open_files_hard = 0;
  std::string shares_memory_problem;  ///< why processes of it cannot read each other's blocks of rows; empty: they can
};

Machine look_at_machine();

/// The path of a program in PATH; nothing where there is none.
std::optional<std::string> look_for_program(const std::string& name);

}  // namespace bosen::launch
