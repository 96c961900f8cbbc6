// bosen-bench: whole rounds of table work, in the form in which other parameter servers can be measured too.
//
//   bosen-bench round --rows R --columns C --rounds N [--processes 2] [--workers W] [--consistency M] [--transport T]
//
// A round: every worker gets every row and increments it densely, then advances; staleness 0. With --processes 2 one
// process has the workers and the other the shards.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bosen/bosen.h"
#include "bosen/job_report.h"
#include "bosen/runtime/machine_platform.h"
#include "bosen/runtime/process.h"

namespace {

using bosen::Worker;
using SteadyClock = std::chrono::steady_clock;

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
};

bosen::runtime::ProcessSpec process_spec(const RoundOptions& options) {
  bosen::runtime::ProcessSpec spec;
  spec.options.workers = options.workers;
  spec.options.shards = options.shards;
  spec.options.consistency = bosen::parse_consistency(options.consistency);
  spec.options.transport = options.transport == "ipc" ? bosen::TransportChoice::kIpc : bosen::TransportChoice::kTcp;
  spec.job.size = options.processes;
  spec.job.job = "bosen-bench";
  spec.servers = options.processes - 1;
  return spec;
}

void run_rounds(const RoundOptions& options, bosen::runtime::Process& process) {
  bosen::JobReport report("bosen-bench", process.options(), process.platform(), bosen::JobReport::Progress::kHidden);
  bosen::Cluster cluster(process, report);
  const auto table = cluster.create_table<float>("rows", {.width = options.columns});
  std::vector<double> seconds(static_cast<std::size_t>(options.workers));
  cluster.run_workers([&](Worker& worker) {
    const std::vector<float> update(static_cast<std::size_t>(options.columns), 1.0F);
    float seen = 0;
    auto start = SteadyClock::now();
    for (int round = -options.warm_up; round < options.rounds; ++round) {
      if (round == 0) start = SteadyClock::now();
      for (int row = 0; row < options.rows; ++row) {
        seen += table.get(worker, row)[0];
        table.inc(worker, row, std::span<const float>(update));
      }
      worker.advance();
    }
    seen += table.get(worker, 0)[0];  // the last round counts when it is visible
    seconds[static_cast<std::size_t>(worker.local_id())] =
        std::chrono::duration<double>(SteadyClock::now() - start).count();
    if (seen < 0) std::puts("impossible");
  });
  double slowest = 0;
  for (const double time : seconds) slowest = std::max(slowest, time);
  const double rate = options.rounds / slowest;
  const double bytes = 2.0 * options.rows * options.columns * sizeof(float) * options.workers;
  std::printf("%d worker(s), %d process(es), %d x %d floats, %s: %.0f rounds/s per worker, %.3f GB/s push plus pull\n",
              options.workers, options.processes, options.rows, options.columns, options.consistency.c_str(), rate,
              rate * bytes / 1e9);
}

// The server's process; it ends with the job.
void serve(const RoundOptions& options, int coordinator_pipe) {
  bosen::runtime::ProcessSpec spec = process_spec(options);
  spec.job.rank = 1;
  spec.job.find_coordinator = [coordinator_pipe] {
    char address[128] = {};
    if (::read(coordinator_pipe, address, sizeof address - 1) <= 0) ::_exit(1);
    return std::string(address);
  };
  bosen::runtime::MachinePlatform platform;
  bosen::runtime::Process process(std::move(spec), platform);
  process.leave();
}

int run(const RoundOptions& options) {
  bosen::runtime::MachinePlatform platform;
  if (options.processes == 1) {
    bosen::runtime::Process process(process_spec(options), platform);
    run_rounds(options, process);
    return 0;
  }
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return 1;
  const pid_t server = ::fork();
  if (server == 0) {
    serve(options, pipe_ends[0]);
    ::_exit(0);
  }
  bosen::runtime::ProcessSpec spec = process_spec(options);
  spec.job.listen = "127.0.0.1:0";
  spec.job.publish_coordinator = [&](const std::string& address) {
    if (::write(pipe_ends[1], address.data(), address.size()) < 0) ::_exit(1);
  };
  {
    bosen::runtime::Process process(std::move(spec), platform);
    run_rounds(options, process);
    process.leave();
  }
  int status = 0;
  ::waitpid(server, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures whole rounds of table work");
  app.require_subcommand(1);
  RoundOptions options;
  CLI::App& round = *app.add_subcommand("round", "get and dense inc of every row, then a clock, staleness 0");
  round.add_option("--rows", options.rows, "rows of the table")->check(CLI::Range(1, 100'000'000));
  round.add_option("--columns", options.columns, "floats of a row")->check(CLI::Range(1, 100'000'000));
  round.add_option("--rounds", options.rounds, "rounds to measure")->check(CLI::Range(1, 1'000'000'000));
  round.add_option("--warm-up", options.warm_up, "rounds before that")->check(CLI::Range(0, 1'000'000'000));
  round.add_option("--processes", options.processes, "1: embedded; 2: one has the workers, one the shards")
      ->check(CLI::Range(1, 2));
  round.add_option("--workers", options.workers, "workers of the first process")->check(CLI::Range(1, 250));
  round.add_option("--shards", options.shards, "shards; 0: chosen automatically")->check(CLI::Range(0, 256));
  round.add_option("--consistency", options.consistency, "model")->check(CLI::IsMember({"bsp", "ssp", "essp", "asp"}));
  round.add_option("--transport", options.transport, "between processes")->check(CLI::IsMember({"tcp", "ipc"}));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bosen-bench: %s\n", error.what());
    return 1;
  }
}
