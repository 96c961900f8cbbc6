#pragma once

// What a training is told beside its solver's file: the flags of `poseidon train`.

#include <cstdint>
#include <memory>
#include <string>

#include "poseidon/backend.h"
#include "poseidon/solver/nonfinite.h"
#include "poseidon/sync/gradient_codec.h"
#include "poseidon/sync/scheme.h"

namespace poseidon {

/// Makes the backends of a process's workers. Outlives them.
class BackendFactory {
 public:
  virtual ~BackendFactory() = default;
  /// In the worker's thread: its number in the job, and threads to compute with. Throws bosen::Error.
  [[nodiscard]] virtual std::unique_ptr<Backend> make(int worker, int threads) = 0;
  /// A worker has failed: devices wait for its device no more. Any thread.
  virtual void give_up() noexcept {}
};

struct TrainSettings {
  std::string solver;      ///< file
  std::string data;        ///< folder of a data set, or "synthetic"; empty: as the net's data layer says
  std::int64_t batch = 0;  ///< images of a worker's batch; 0: as the net's data layer says
  std::string resume;      ///< snapshot, or folder of snapshots; empty: from the start
  std::string weights;     ///< file or snapshot to take first weights from; empty: fillers
  bool fine_tune = false;  ///< weights may lack some of the net's tensors, and have others
  Scheme scheme = Scheme::kAuto;
  Codec codec = Codec::kFp32;
  bool no_overlap = false;
  std::string trace;  ///< file for a timeline; empty: none
  NonfinitePolicy on_nonfinite = NonfinitePolicy::kStop;
  std::int64_t read_threads = 1;  ///< that read ahead, for each worker
};

}  // namespace poseidon
