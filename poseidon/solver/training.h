#pragma once

// A whole training: all workers of this process, from reading files to the last snapshot.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bosen/cluster.h"
#include "poseidon/solver/train_settings.h"
#include "poseidon/sync/gradient_codec.h"
#include "poseidon/sync/scheme.h"

namespace poseidon {

/// What synchronising a layer has cost this process.
struct LayerTraffic {
  std::string layer;
  Scheme scheme = Scheme::kNone;  ///< at the end
  Codec codec = Codec::kFp32;     ///< at the end
  // Means over all iterations.
  double predicted_bytes = 0;  ///< sent and received, by the cost model
  double measured_bytes = 0;   ///< sent and received, framing included
  double framing_bytes = 0;    ///< of those: frames' headers, requests, row ids
};

struct TrainingResult {
  std::string net;                            ///< file
  std::string snapshot;                       ///< path of the last; empty: none
  bool keeps_last = true;                     ///< the solver asks for a snapshot at the end
  std::string trace;                          ///< path of this process's; empty: none
  std::optional<std::int64_t> trace_full_in;  ///< the iteration of this run in which it was full and ends
  std::string lost_trace;                     ///< why it could not be written; empty: it was, or none was asked for
  std::int64_t iterations = 0;                ///< made in this run
  std::int64_t skipped_last = 0;     ///< of these, the last ones that changed nothing, as numbers were not finite
  double images_per_second = 0;      ///< of all workers, tests left out
  std::vector<LayerTraffic> layers;  ///< those that learn
};

/// Called in every process of the job that has workers. Throws bosen::Error.
TrainingResult train(bosen::Cluster& cluster, const TrainSettings& settings, BackendFactory& backends);

}  // namespace poseidon
