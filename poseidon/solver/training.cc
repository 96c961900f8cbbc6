#include "poseidon/solver/training.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

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
                      .codec = codec_by(worker.layers[i].scheme, planned.layer.size.codec),
                      .predicted_bytes = each(worker.layers[i].predicted_bytes),
                      .measured_bytes = each(traffic.bytes_sent + traffic.bytes_received),
                      .framing_bytes = each(traffic.framing_bytes)});
  }
  return layers;
}

/// Keeps the first failure of a process's workers. What others meet afterwards is only what it has led to.
class FirstFailure {
 public:
  /// The exception that is being handled.
  void note() {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
  [[noreturn]] void rethrow() const {
    const std::lock_guard lock(mutex_);
    std::rethrow_exception(failure_);
  }

 private:
  mutable std::mutex mutex_;
  std::exception_ptr failure_;
};

std::vector<WorkerResult> run_workers(const TrainingJob& job) {
  const auto count = static_cast<std::size_t>(job.cluster.local_workers());
  std::vector<WorkerResult> results(count);
  // Those of workers that fail stay until all have ended: others may still be reading their gradients.
  std::vector<std::unique_ptr<WorkerTraining>> trainings(count);
  FirstFailure failure;
  job.cluster.run_workers([&](bosen::Worker& worker) {
    const auto place = static_cast<std::size_t>(worker.local_id());
    try {
      trainings[place] = std::make_unique<WorkerTraining>(job, worker);
      results[place] = trainings[place]->run();
      trainings[place].reset();
    } catch (...) {
      failure.note();
      job.backends.give_up();
      failure.rethrow();
    }
  });
  return results;
}

/// A timeline that can't be written costs nothing of what was learned.
void keep_trace(const std::string& path, int rank, const std::vector<Timeline>& timelines, TrainingResult& result) {
  try {
    write_chrome_trace(path, rank, timelines);
    result.trace = path;
    for (const Timeline& timeline : timelines) {
      if (!result.trace_full_in) result.trace_full_in = timeline.full_in();
    }
  } catch (const bosen::Error& error) {
    result.lost_trace = error.what();
  }
}

}  // namespace

TrainingResult train(bosen::Cluster& cluster, const TrainSettings& settings, BackendFactory& backends) {
  if (!settings.trace.empty()) {
    expect_writable(trace_path(settings.trace, cluster), "name another file with --trace");
  }
  const TrainingJob job(cluster, settings, backends);
  cluster.expect_clocks(job.iterations, job.snapshot ? job.snapshot->state.iteration : 0);
  std::vector<WorkerResult> results = run_workers(job);
  TrainingResult result{.net = job.solver.net,
                        .snapshot = results[0].snapshot,
                        .keeps_last = job.solver.snapshot_after_train,
                        .trace = {},
                        .trace_full_in = {},
                        .lost_trace = {},
                        .iterations = results[0].iterations,
                        .skipped_last = results[0].skipped_last,
                        .images_per_second = results[0].images_per_second,
                        .layers = traffic_of(*job.plan, results[0])};
  if (!settings.trace.empty()) {
    std::vector<Timeline> timelines;
    for (WorkerResult& worker : results) timelines.push_back(std::move(*worker.timeline));
    keep_trace(trace_path(settings.trace, cluster), cluster.rank(), timelines, result);
  }
  return result;
}

}  // namespace poseidon
