#pragma once

// Workers that begin differently, as files differ from host to host, would train nets that drift apart, and nothing
// would say so.

#include <span>
#include <string>

#include "bosen/channel.h"

namespace poseidon {

/// Something that all workers have to have alike.
struct StartValue {
  std::string what;   ///< the same everywhere
  std::string value;  ///< one line
};

/// Every worker calls it once; the channel is made for this alone. Throws bosen::Error(kConfiguration), with what
/// differs, at a worker that has other values than worker 0.
void expect_same_start(const bosen::Channel& channel, bosen::Worker& worker, std::span<const StartValue> start);

}  // namespace poseidon
