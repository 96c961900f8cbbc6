#pragma once

// What a training is told beside its solver's file: the flags of `poseidon train`.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "poseidon/backend.h"
#include "poseidon/solver/nonfinite.h"
#include "poseidon/sync/scheme.h"

namespace poseidon {

/// Makes a worker's backend, in the worker's thread: the worker's number in the job, and threads to compute with.
using BackendFactory = std::function<std::unique_ptr<Backend>(int worker, int threads)>;

struct TrainSettings {
  std::string solver;      ///< file
  std::string data;        ///< folder of a data set, or "synthetic"; empty: as the net's data layer says
  std::int64_t batch = 0;  ///< images of a worker's batch; 0: as the net's data layer says
  std::string resume;      ///< snapshot, or folder of snapshots; empty: from the start
  std::string weights;     ///< file or snapshot to take first weights from; empty: fillers
  bool fine_tune = false;  ///< weights may lack some of the net's tensors, and have others
  Scheme scheme = Scheme::kAuto;
  bool no_overlap = false;
  std::string trace;  ///< file for a timeline; empty: none
  NonfinitePolicy on_nonfinite = NonfinitePolicy::kStop;
  std::int64_t read_threads = 1;  ///< that read ahead, for each worker
};

}  // namespace poseidon
