// App's part that runs a whole job in a simulated cluster.

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "bosen/app_internal.h"
#include "bosen/base/error.h"
#include "bosen/base/streams.h"
#include "bosen/runtime/process_spec.h"
#include "bosen/sim/sim_cluster.h"

namespace bosen::internal {
namespace {

/// The same for the same specification and seed, so nothing of this machine's time in it.
void write_summary(const std::string& path, const sim::SimSpec& spec, const sim::SimResult& result) {
  std::ofstream file(path);
  file << fmt::format(
      "{{\"nodes\": {}, \"servers\": {}, \"workers\": {}, \"seed\": {}, \"time_s\": {:.9f}, \"frames\": {}, "
      "\"lost_frames\": {}, \"bytes\": {}}}\n",
      spec.nodes, spec.servers, spec.nodes * spec.workers, spec.seed, static_cast<double>(result.time) / 1e9,
      result.frames, result.lost, result.bytes);
  if (!file.flush()) throw Error(ErrorKind::kStorage, fmt::format("cannot write '{}'", path));
}

}  // namespace

int simulate_job(const App& app, const Options& options, const std::string& spec_file,
                 const std::function<void(Cluster&)>& body) {
  if (options.servers > 0) {
    throw Error(ErrorKind::kUsage,
                fmt::format("--servers: a simulated cluster's servers stand in its file, {}", spec_file));
  }
  if (!options.monitor.empty()) {
    throw Error(ErrorKind::kUsage, "--monitor: a simulated job has nothing to watch live; leave it out");
  }
  if (options.checkpoint_every > 0 || !options.resume.empty()) {
    throw Error(ErrorKind::kUsage, "--checkpoint-every, --resume: a simulated job has no checkpoints; leave them out");
  }
  sim::SimSpec spec = sim::read_sim_spec(spec_file);
  spec.workers = options.workers;
  spec.shards = options.shards;
  spec.seed = options.seed;
  const sim::SimResult result = sim::run_cluster(spec, [&](Rank rank, runtime::Platform& platform) {
    runtime::ProcessSpec process = process_spec(app, options);
    process.job.rank = rank;
    process.job.size = spec.processes();
    process.job.servers = spec.servers;
    process.host = fmt::format("node{}", rank);
    run_process(app, options, std::move(process), platform, body);
  });
  const std::string summary = options.output + "/simulation.json";
  if (!options.output.empty()) write_summary(summary, spec, result);
  say(fmt::format("{}: simulated {:.3f} s of {} nodes: {} frames, {:.1f} MB\n", app.name(),
                  static_cast<double>(result.time) / 1e9, spec.processes(), result.frames,
                  static_cast<double>(result.bytes) / 1e6));
  if (!options.output.empty()) say(fmt::format("{}: wrote {} (the same as numbers)\n", app.name(), summary));
  return 0;
}

}  // namespace bosen::internal
