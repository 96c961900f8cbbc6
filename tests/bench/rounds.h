#pragma once

// Whole rounds of table work: every worker gets every row and increments it densely, then advances; staleness 0. In one
// process, or in two, of which one has the workers and the other the shards.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bosen/bosen.h"
#include "bosen/job_report.h"
#include "bosen/runtime/machine_platform.h"
#include "bosen/runtime/process.h"
#include "tests/bench/forked_peer.h"

namespace bosen::bench {

struct RoundOptions {
  int rows = 1000;
  int columns = 1000;
  int rounds = 1000;
  int warm_up = 20;
  int processes = 1;
  int workers = 1;
  int shards = 0;
  std::string consistency = "bsp";
  std::string transport = "tcp";
  int checkpoint_every = 0;  ///< clocks; 0: none are made
  std::string output = {};   ///< folder for them

  /// Pushed and pulled in a round by all workers.
  [[nodiscard]] double bytes() const { return 2.0 * rows * columns * sizeof(float) * workers; }
};

inline runtime::ProcessSpec process_spec(const RoundOptions& options) {
  runtime::ProcessSpec spec;
  spec.options.workers = options.workers;
  spec.options.shards = options.shards;
  spec.options.consistency = parse_consistency(options.consistency);
  spec.options.transport = options.transport == "shm"   ? TransportChoice::kShm
                           : options.transport == "ipc" ? TransportChoice::kIpc
                                                        : TransportChoice::kTcp;
  spec.options.checkpoint_every = options.checkpoint_every;
  spec.options.output = options.output;
  spec.job.size = options.processes;
  spec.job.job = "bosen-bench";
  spec.job.servers = options.processes - 1;
  return spec;
}

/// Seconds that the slowest worker takes for all rounds, until the last one is visible.
inline double run_rounds(const RoundOptions& options, runtime::Process& process) {
  using SteadyClock = std::chrono::steady_clock;
  JobReport report("bosen-bench", process.options(), process.platform(), JobReport::Progress::kHidden);
  Cluster cluster(process, report);
  const auto table = cluster.create_table<float>("rows", {.width = options.columns});
  std::vector<double> seconds(static_cast<std::size_t>(options.workers));
  cluster.run_workers([&](Worker& worker) {
    const std::vector<float> update(static_cast<std::size_t>(options.columns), 1.0F);
    float seen = 0;
    auto start = SteadyClock::now();
    for (int round = -options.warm_up; round < options.rounds; ++round) {
      if (round == 0) start = SteadyClock::now();
      if (worker.checkpoint_due()) worker.checkpoint();
      for (int row = 0; row < options.rows; ++row) {
        seen += table.get(worker, row)[0];
        table.inc(worker, row, std::span<const float>(update));
      }
      worker.advance();
    }
    seen += table.get(worker, 0)[0];
    seconds[static_cast<std::size_t>(worker.local_id())] =
        std::chrono::duration<double>(SteadyClock::now() - start).count();
    if (seen < 0) std::puts("impossible");
  });
  return *std::max_element(seconds.begin(), seconds.end());
}

/// The shards' process; it ends with the job.
inline void serve_rounds(const RoundOptions& options, const LinePipe& coordinator) {
  runtime::ProcessSpec spec = process_spec(options);
  spec.job.rank = 1;
  spec.job.find_coordinator = [&coordinator] { return coordinator.read(); };
  runtime::MachinePlatform platform;
  runtime::Process process(std::move(spec), platform);
  process.leave();
}

/// Seconds of all rounds. Throws Error.
inline double measure_rounds(const RoundOptions& options) {
  runtime::MachinePlatform platform;
  if (options.processes == 1) {
    runtime::Process process(process_spec(options), platform);
    return run_rounds(options, process);
  }
  const LinePipe coordinator;
  const pid_t server = ::fork();
  if (server == 0) {
    serve_rounds(options, coordinator);
    ::_exit(0);
  }
  runtime::ProcessSpec spec = process_spec(options);
  spec.job.listen = "127.0.0.1:0";
  spec.job.publish_coordinator = [&](const std::string& address) { coordinator.write(address); };
  double seconds = 0;
  {
    runtime::Process process(std::move(spec), platform);
    seconds = run_rounds(options, process);
    process.leave();
  }
  int status = 0;
  ::waitpid(server, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw Error(ErrorKind::kPeerLost, "the shards' process failed");
  return seconds;
}

}  // namespace bosen::bench
