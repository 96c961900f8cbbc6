#pragma once

// One run of a sweep: its settings, and the command that makes it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bosen/lab/sweep_spec.h"

namespace bosen::lab {

struct SweepRun {
  int number = 0;                                           ///< from 1
  std::vector<std::pair<std::string, std::string>> labels;  ///< axis and value
  std::uint64_t seed = 1;
  std::string folder;                ///< for its results
  std::vector<std::string> command;  ///< program and arguments
  std::string cluster;               ///< what cluster.yaml in its folder says; empty: a real run
  std::string build;                 ///< tells builds of the program apart; empty where its file was not found
  std::string profile_version;       ///< tells contents of the cluster's profile apart; empty where it has none

  /// "staleness 2, pattern slow, seed 1".
  [[nodiscard]] std::string title() const;
};

/// Throws Error where the program cannot be started, or has no flag of a name that the sweep sets.
void check_program(const SweepSpec& spec, const std::string& programs);

/// All runs, in the order of the axes, the last one fastest, seeds innermost. `programs` is the folder of bosen and the
/// apps. Throws Error(kConfiguration) where a setting can't be made.
std::vector<SweepRun> plan_runs(const SweepSpec& spec, const std::string& output, const std::string& programs);

}  // namespace bosen::lab
