#pragma once

// Commands that look at a net take its file, or that of a solver that names it.

#include <optional>
#include <string>

#include "poseidon/solver/solver_spec.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

struct NetFile {
  NetSpec net;
  std::optional<SolverSpec> solver;  ///< where the file was a solver's
};

/// Throws bosen::Error(kConfiguration).
[[nodiscard]] NetFile read_net_file(const std::string& path);

}  // namespace poseidon
