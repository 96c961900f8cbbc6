#pragma once

// Where a process stands in its job, read from the environment that `bosen run` or another launcher gave it.
//
// Who is believed, the first that applies:
//   1. `bosen run`, or a person who sets BOSEN_RANK, BOSEN_SIZE and BOSEN_COORDINATOR
//   2. torchrun, known by TORCHELASTIC_RUN_ID
//   3. Open MPI's mpirun, known by OMPI_COMM_WORLD_RANK (inside a Slurm allocation too)
//   4. an mpiexec of MPICH's kind, known by PMI_RANK with MPI_LOCALRANKID
//   5. RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, all four
//   6. a task of Slurm's srun, known by SLURM_STEP_ID (started by hand in a batch script or interactive shell, it is
//   alone)
//   7. PMI_RANK and PMI_SIZE
//   8. nobody: the process is alone
// BOSEN_COORDINATOR, BOSEN_HOST, BOSEN_JOB, BOSEN_SERVERS and BOSEN_TIMEOUT override what any of them says.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::launch {

/// A process's place in its job. A plain value.
struct Placement {
  Rank rank = 0;
  int size = 1;  ///< processes of the job
  int local_rank = 0;
  int local_size = 1;  ///< processes of the job on this host
  /// Token that the job's processes share; guards against strangers; never empty.
  std::string job;
  /// "host:port" where rank 0 listens; empty: ask `rendezvous`, or not needed as size is 1.
  std::string coordinator;
  /// "host:port" where `bosen run` tells processes of each other; empty when not under it.
  std::string rendezvous;
  /// Name of this host as peers know it; "127.0.0.1" when the whole job is on one host.
  std::string host = "127.0.0.1";
  int servers = 0;        ///< how many of the job's last ranks are dedicated servers; 0: shards are colocated
  int restart = 0;        ///< how often bosen run, torchrun or Slurm has started the job before
  double timeout_s = 60;  ///< how long starting may take
  /// Who said so, for messages: "bosen run", "Slurm", "Open MPI", "PMI", "torchrun", "alone".
  std::string source = "alone";
};

/// Looks up one environment variable; null when it is not set. Injected so that tests need no real environment.
using GetEnv = std::function<const char*(const char*)>;

/// This process's own environment.
GetEnv process_environment();

/// The placement that `env` describes. Throws Error(kConfiguration) where values are malformed, missing or contradict
/// each other.
Placement detect_placement(const GetEnv& env);

/// The file that describes the simulated cluster in which the program shall run (BOSEN_SIM); empty: it runs for real.
std::string simulation_file(const GetEnv& env);
/// Sets it for the programs that this process becomes or starts.
void set_simulation_file(const std::string& path);

/// Variables to set for every process: "NAME=VALUE" as it stands, "NAME" with its value in `env`. Throws Error(kUsage).
std::vector<std::pair<std::string, std::string>> exported_variables(const std::vector<std::string>& exports,
                                                                    const GetEnv& env);

/// Whether `name` may be the name of an environment variable.
bool is_variable_name(std::string_view name);

/// The port at which rank 0 listens when a scheduler names its host but no port: 20000 + FNV-1a-64(job) % 10000.
std::uint16_t port_of_job(std::string_view job);

}  // namespace bosen::launch
