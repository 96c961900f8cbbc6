#pragma once

// A sweep: one app run again and again over a grid of settings. docs/guide/staleness.md explains the YAML file.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/spec_node.h"

namespace bosen::lab {

/// A key and its value: a flag of the app, `processes`, `servers`, or `cluster.` and a key of a simulated cluster.
using Setting = std::pair<std::string, SpecNode>;

/// A value of an axis: what it is called, and what it sets.
struct AxisValue {
  std::string label;
  std::vector<Setting> settings;
};

struct Axis {
  std::string name;
  std::vector<AxisValue> values;
};

/// When a run counts as done.
struct Target {
  std::string measure;
  double value = 0;
  bool at_least = false;  ///< else at most

  [[nodiscard]] bool reached(double measured) const { return at_least ? measured >= value : measured <= value; }
};

struct SweepSpec {
  std::string file;  ///< where it was read
  std::string name;
  SpecNode program;            ///< its name or path
  std::vector<Setting> flags;  ///< of every run
  int processes = 1;
  int servers = 0;
  std::optional<SpecNode> cluster;  ///< simulated; none: real processes
  std::vector<Axis> axes;
  std::vector<std::uint64_t> seeds;
  std::optional<Target> target;
  int parallel = 1;  ///< runs at a time

  /// Settings without seeds: the product of the axes.
  [[nodiscard]] std::size_t settings() const;
};

/// Throws Error(kConfiguration) with file:line:column for anything that is wrong, an unknown key included.
SweepSpec read_sweep_spec(const std::string& path);

}  // namespace bosen::lab
