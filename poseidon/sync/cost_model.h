#pragma once

// Bytes that a process sends and receives to synchronise one layer once (Zhang et al., USENIX ATC'17, table 1, for
// processes that are worker and shard at once), and which scheme is cheaper. Frames add a little to these.

#include <cstdint>
#include <optional>

#include "poseidon/sync/gradient_codec.h"
#include "poseidon/sync/scheme.h"

namespace poseidon {

/// Who takes part. Processes are alike: as many workers and shards in each.
struct Party {
  int processes = 1;  ///< that have workers
  int workers_per_process = 1;
  bool dedicated_servers = false;  ///< shards are in other processes
  bool adds_up = true;             ///< a process sends the sum of its workers' gradients (bsp); else each its own

  [[nodiscard]] int workers() const { return processes * workers_per_process; }
};

/// What has to travel.
struct LayerSize {
  std::int64_t parameters = 0;      ///< floats
  std::int64_t factor_inputs = 0;   ///< M: columns of the weight; 0 where the layer has no sufficient factors
  std::int64_t factor_outputs = 0;  ///< N: its rows
  std::int64_t batch = 0;           ///< K: examples of a worker
  Codec codec = Codec::kFp32;       ///< as what the parameters' gradients travel
};

/// As what a layer's gradients travel where `wanted` is asked for: floats where there are so few that it costs nothing,
/// or where no network lies between workers and shards.
[[nodiscard]] Codec codec_for(Codec wanted, std::int64_t parameters, const Party& party);

/// As what a layer of such a codec travels by `scheme`. Factors as no less than bf16: what they lose cannot follow in a
/// later clock.
[[nodiscard]] Codec codec_by(Scheme scheme, Codec codec);

/// The gradients of a process go to their shards, one sum for it comes back, as the codec has them.
[[nodiscard]] std::int64_t ps_bytes(const LayerSize& layer, const Party& party);

/// Every worker sends batch x (M + N) numbers to every worker of other processes. Nothing where there are no factors,
/// or more than 256 MiB of them, which no message carries.
[[nodiscard]] std::optional<std::int64_t> sfb_bytes(const LayerSize& layer, const Party& party);

/// What `wanted` means for this layer: kNone for one worker; kPs where there are no factors; never kAuto.
[[nodiscard]] Scheme choose(Scheme wanted, const LayerSize& layer, const Party& party);

/// Of a scheme that `choose` has returned.
[[nodiscard]] std::int64_t predicted_bytes(Scheme scheme, const LayerSize& layer, const Party& party);

}  // namespace poseidon
