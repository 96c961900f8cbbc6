#pragma once

// Options of a job and of a table.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "bosen/base/consistency.h"
#include "bosen/base/types.h"
#include "bosen/base/updater.h"

namespace bosen {

/// Which way messages travel between processes.
enum class TransportChoice : std::uint8_t {
  kAutomatic,  ///< none inside one process, shm inside one host, ipc where memory can't be shared there, else tcp
  kTcp,
  kIpc,
  kShm,  ///< ipc that leaves large blocks of rows in memory which both processes can read
};

/// The staleness with which a job begins that finds its own: where nobody knows yet whether slowness comes and goes or
/// stays, somewhat too much costs less than too little (docs/guide/staleness.md).
inline constexpr Clock kTunedStalenessStart = 8;
/// The most that it tries.
inline constexpr Clock kTunedStalenessMost = 32;

/// The flags that every app shares; `App` fills them from the command line and the configuration file.
struct Options {
  int workers = 1;                               ///< worker threads of this process
  Clock staleness = 0;                           ///< default of tables
  bool tunes_staleness = false;                  ///< changes it while the job runs, of the tables that take the default
  Consistency consistency = Consistency::kEssp;  ///< default of tables
  Clock clocks = 0;                              ///< how many clocks to run; 0: the app decides
  int shards = 0;                                ///< shards of this process; 0: chosen automatically
  int servers = 0;                               ///< how many of the job's last processes only serve rows
  std::uint64_t seed = 1;                        ///< of everything random
  std::string output;                            ///< folder for results; empty: none
  std::string metrics;                           ///< file for metrics, a JSON object a line; empty: none
  std::string tensorboard;                       ///< folder for an event file that TensorBoard reads; empty: none
  Clock checkpoint_every = 0;                    ///< clocks between checkpoints, which lie in output; 0: none are made
  std::string resume;                            ///< folder with checkpoints to go on from; empty: from the start
  int restart = 0;                               ///< how often the launcher has started the job before
  std::string monitor;                           ///< where rank 0 shows the job over HTTP; empty: nowhere
  std::map<WorkerId, double> stragglers;         ///< worker -> factor by which its computing time is stretched
  int threads = 1;                               ///< threads that a worker's numeric library may use
  bool json = false;                             ///< print the final summary as JSON on stdout
  TransportChoice transport = TransportChoice::kAutomatic;
  double timeout_s = 60;  ///< how long starting may take
};

/// Options of one table; every process must give the same.
struct TableOptions {
  std::int64_t width = 0;                       ///< elements of a row; dense tables only
  std::optional<Clock> staleness = {};          ///< default: the job's; bsp and asp have none
  std::optional<Consistency> consistency = {};  ///< default: the job's
  UpdaterOptions updater = {};                  ///< what shards do with updates
  std::int64_t cache_rows = 0;                  ///< rows that a process keeps copies of; 0: all
  std::int32_t priority = 0;  ///< of what waits for the network, tables and channels of higher priority go first
};

/// Options of one channel; every process must give the same capacity.
struct ChannelOptions {
  int capacity = 64;          ///< messages that may wait at a receiving worker from one sending worker
  std::int32_t priority = 0;  ///< of what waits for the network, tables and channels of higher priority go first
};

}  // namespace bosen
