#pragma once

namespace poseidon {

/// Starts the program once more where nobody has said how OpenMP's threads wait for each other: its library (libgomp)
/// reads that when it is loaded. By default they look for some milliseconds, which costs more than it gains as soon as
/// anybody else computes on these cores (docs/performance.md).
void restart_with_short_waits(char** argv);

}  // namespace poseidon
