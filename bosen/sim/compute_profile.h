#pragma once

#include <string>
#include <vector>

namespace bosen::sim {

/// Nanoseconds that a worker of each process computed in each clock of a real run, times `scale`, by the `clock` events
/// of its metrics file; one clock or more of one process or more. Throws Error(kConfiguration) where there are none.
std::vector<std::vector<double>> read_compute_profile(const std::string& path, double scale);

}  // namespace bosen::sim
