#include "poseidon/solver/training.h"

#include <fmt/format.h>

#include <utility>

#include "poseidon/solver/durable_file.h"
#include "poseidon/solver/training_job.h"
#include "poseidon/solver/worker_training.h"

namespace poseidon {
namespace {

/// Processes of one host must not write to one file.
std::string trace_path(const std::string& path, const bosen::Cluster& cluster) {
  return cluster.size() == 1 ? path : fmt::format("{}.{}", path, cluster.rank());
}

std::vector<LayerTraffic> traffic_of(const SyncPlan& plan, const WorkerResult& worker) {
  std::vector<LayerTraffic> layers;
  const auto each = [&](std::int64_t bytes) {
    return worker.iterations > 0 ? static_cast<double>(bytes) / static_cast<double>(worker.iterations) : 0;
  };
  for (std::size_t i = 0; i < plan.layers().size(); ++i) {
    const PlannedLayer& planned = plan.layers()[i];
    bosen::Traffic traffic;
    if (planned.has(Scheme::kPs)) traffic += planned.table.traffic();
    if (planned.has(Scheme::kSfb)) traffic += planned.channel.traffic();
    layers.push_back({.layer = planned.layer.name,
                      .scheme = worker.layers[i].scheme,
                      .predicted_bytes = each(worker.layers[i].predicted_bytes),
                      .measured_bytes = each(traffic.bytes_sent + traffic.bytes_received),
                      .framing_bytes = each(traffic.framing_bytes)});
  }
  return layers;
}

}  // namespace

TrainingResult train(bosen::Cluster& cluster, const TrainSettings& settings, BackendFactory& backends) {
  if (!settings.trace.empty()) {
    expect_writable(trace_path(settings.trace, cluster), "name another file with --trace");
  }
  const TrainingJob job(cluster, settings, backends);
  cluster.expect_clocks(job.iterations, job.snapshot ? job.snapshot->state.iteration : 0);
  std::vector<WorkerResult> results(static_cast<std::size_t>(cluster.local_workers()));
  cluster.run_workers([&](bosen::Worker& worker) {
    try {
      WorkerTraining training(job, worker);
      results[static_cast<std::size_t>(worker.local_id())] = training.run();
    } catch (...) {
      backends.give_up();
      throw;
    }
  });
  TrainingResult result{.net = job.solver.net,
                        .snapshot = results[0].snapshot,
                        .trace = {},
                        .iterations = results[0].iterations,
                        .images_per_second = results[0].images_per_second,
                        .layers = traffic_of(*job.plan, results[0])};
  if (!settings.trace.empty()) {
    std::vector<Timeline> timelines;
    for (WorkerResult& worker : results) timelines.push_back(std::move(*worker.timeline));
    result.trace = trace_path(settings.trace, cluster);
    write_chrome_trace(result.trace, cluster.rank(), timelines);
  }
  return result;
}

}  // namespace poseidon
