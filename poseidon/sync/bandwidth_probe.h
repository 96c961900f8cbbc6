#pragma once

// Measures how fast the processes of a job exchange bytes, all with all at once, over the connections that gradients
// take.

#include "bosen/channel.h"
#include "bosen/worker.h"
#include "poseidon/sync/cost_model.h"

namespace poseidon {

/// Bytes that a process sends and receives in a second, of the slowest process; 0 at workers that are not the first of
/// their process, who take no part. Workers of a process have consecutive numbers. Takes some tenths of a second, or
/// three times 64 KiB to and from each process where that takes longer.
[[nodiscard]] double measure_bandwidth(const bosen::Channel& channel, bosen::Worker& worker, const Party& party);

}  // namespace poseidon
