#pragma once

#include <string>
#include <vector>

namespace bosen::sim {

/// Nanoseconds that a worker computed in each clock of a real run, times `scale`: the means over the processes of the
/// `clock` events of its metrics file. Throws Error(kConfiguration) where there are none.
std::vector<double> read_compute_profile(const std::string& path, double scale);

}  // namespace bosen::sim
