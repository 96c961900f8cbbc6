#include "poseidon/solver/training_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bosen/error.h"
#include "bosen/say.h"
#include "bosen/shell.h"
#include "poseidon/net_description.h"
#include "poseidon/solver/durable_file.h"
#include "poseidon/solver/worker_sums.h"

namespace poseidon {
namespace {

[[noreturn]] void refuse(bosen::ErrorKind kind, const std::string& message) { throw bosen::Error(kind, message); }

/// Then labels beyond the outputs may be meant, and the loss looks at each when it comes.
bool ignores_labels(const LayerSpec& layer) {
  const Node* const loss = layer.node.find("loss_param");
  return loss != nullptr && loss->find("ignore_label") != nullptr;
}

/// A label beyond a loss's classes would be read from memory of something else.
void check_labels(const NetSpec& net, const NetDescription& description, std::int64_t classes) {
  for (const LayerDescription& layer : description.layers) {
    if (layer.type != "SoftmaxWithLoss" || layer.inputs[0][1] >= classes) continue;
    const LayerSpec& spec = *std::ranges::find_if(
        net.layers, [&](const LayerSpec& candidate) { return candidate.in_train && candidate.name == layer.name; });
    if (ignores_labels(spec)) continue;
    refuse(bosen::ErrorKind::kConfiguration,
           fmt::format("{}: layer '{}': '{}' tells {} classes apart, the data has {} (labels 0 to {}): give the layer "
                       "before it as many outputs",
                       spec.node.place(), spec.name, spec.bottoms[0], layer.inputs[0][1], classes, classes - 1));
  }
}

/// Rates that end with training end later where --clocks makes it longer. Where it makes it shorter they stay, so that
/// what is resumed later learns as if it had never stopped.
SolverSpec read_solver(const std::string& file, std::int64_t clocks) {
  SolverSpec solver = read_solver_spec(file);
  solver.rate.max_iterations = std::max(solver.rate.max_iterations, clocks);
  return solver;
}

}  // namespace

TrainingJob::TrainingJob(bosen::Cluster& the_cluster, TrainSettings the_settings, BackendFactory& the_backends)
    : cluster(the_cluster),
      settings(std::move(the_settings)),
      backends(the_backends),
      solver(read_solver(settings.solver, cluster.options().clocks)),
      net(read_net_spec(solver.net)) {
  settle_start();
  if (!snapshots.empty() && cluster.rank() == 0) check_snapshots();
  feed = std::make_unique<DataFeed>(net, settings.data, seed);
  if (!feed->has(Phase::kTrain)) {
    refuse(bosen::ErrorKind::kConfiguration,
           fmt::format("{}: has no data layer for phase TRAIN, so there is nothing to learn from", net.file));
  }
  if (feed->has(Phase::kTest)) (void)feed->examples(Phase::kTest);  // broken data are better known now than at a test
  batch = settings.batch > 0 ? settings.batch : feed->batch(Phase::kTrain);
  tell_of_large_batch();
  make_plan();
  if (const std::string& folder = feed->missing_test_part(); !folder.empty() && cluster.rank() == 0) {
    bosen::say(fmt::format("poseidon train: {} is not there, so nothing is tested\n", folder));
  }
  if (cluster.rank() == 0) notice = std::make_unique<bosen::InterruptNotice>(interrupted_early());
  if (cluster.size() > 1) {
    start = start_values();
    starts = cluster.create_channel("poseidon.starts");
  }
  // Worker 0 hands statistics out at tests, each of which has a sum.
  sums = cluster.create_channel("poseidon.sums", {.capacity = WorkerSums::kCapacity});
  statistics = cluster.create_channel("poseidon.statistics", {.capacity = WorkerSums::kCapacity});
}

void TrainingJob::settle_start() {
  const bosen::Options& options = cluster.options();
  iterations = options.clocks > 0 ? options.clocks : solver.max_iter;
  snapshots = options.output.empty() ? solver.snapshot_prefix : options.output + "/snapshots";
  seed = options.seed > 0 ? options.seed : solver.random_seed.value_or(1);
  // A training that bosen run starts again goes on where it was, as far as it has come to a snapshot.
  const bool goes_on = options.restart > 0 && newest_iteration(snapshots);
  const std::string& resume = goes_on ? snapshots : settings.resume;
  if (resume.empty()) return;
  snapshot = open_snapshot(resume);
  if (!snapshot->passed_over.empty() && cluster.rank() == 0) {
    bosen::say(fmt::format("poseidon train: {}; going on from {}\n", snapshot->passed_over, snapshot->path));
  }
  const TrainingState& state = snapshot->state;
  if (options.seed > 0 && options.seed != state.seed) {
    refuse(
        bosen::ErrorKind::kUsage,
        fmt::format("--seed {}: {} goes on with the data order and dropout of its own seed, {}; leave --seed out, or "
                    "begin anew from its weights with --weights",
                    options.seed, snapshot->path, state.seed));
  }
  seed = state.seed;
  if (state.iteration >= iterations) {
    refuse(bosen::ErrorKind::kUsage,
           fmt::format("{}: is of iteration {}, training ends at {}: nothing is left to do; raise max_iter or --clocks",
                       snapshot->path, state.iteration, iterations));
  }
}

void TrainingJob::check_snapshots() {
  const bosen::Options& options = cluster.options();
  const bool writes = solver.snapshot > 0 || solver.snapshot_after_train;
  if (writes) {
    const char* const mend = "name another folder with --output, or by snapshot_prefix";
    expect_writable_folder(snapshots, mend);
    if (options.output.empty()) snapshots_lock_.emplace(snapshots);
    if (snapshots_lock_ && options.restart == 0) snapshots_lock_->expect_no_other(mend);
  }
  const std::optional<std::int64_t> newest = newest_iteration(snapshots);
  if (!newest) return;
  // Whoever names the folder gets the newest snapshot, which would be the other run's; and its metrics would be gone.
  if (!snapshot && (writes || !options.output.empty())) {
    refuse(bosen::ErrorKind::kUsage,
           fmt::format("{} has an earlier run's snapshots, up to iter_{}: go on from them with --resume {}, name "
                       "another folder with --output, or remove this one",
                       snapshots, *newest, bosen::shell_word(snapshots)));
  }
  if (!snapshot || *newest <= snapshot->state.iteration || !snapshot->passed_over.empty()) return;
  bosen::say(fmt::format(
      "poseidon train: {} has newer snapshots, up to iter_{}; where only the folder is named, --resume and 'poseidon "
      "test' take the newest that is complete\n",
      snapshots, *newest));
}

std::string TrainingJob::interrupted_early() const {
  if (snapshot) {
    return fmt::format("poseidon train: stopped before its first snapshot: the same command goes on from {} again",
                       snapshot->path);
  }
  if (snapshots.empty()) {
    return "poseidon train: stopped, and nothing is kept: with --output DIR there are snapshots to go on from";
  }
  return "poseidon train: stopped before its first snapshot, so nothing is kept: 'snapshot' in the solver's file says "
         "after how many iterations there is one";
}

void TrainingJob::tell_of_large_batch() const {
  const std::int64_t together = batch * cluster.workers();
  const std::int64_t examples = feed->examples(Phase::kTrain);
  if (cluster.rank() != 0 || feed->is_synthetic(Phase::kTrain) || together <= examples) return;
  bosen::say(fmt::format(
      "poseidon train: a batch of all workers is {} images, the data set has {}, so each iteration learns from some of "
      "them more than once: take a smaller --batch\n",
      together, examples));
}

// Beside what tables and channels are made by, which bosen compares.
std::vector<StartValue> TrainingJob::start_values() const {
  const auto checksum = [](const std::string& path) { return fmt::format("{:08x}", checksum_of_file(path)); };
  std::string weights = "none";
  std::string history = "none";
  if (snapshot) {
    weights = snapshot->checksums.at(kWeightsFile);
    history = snapshot->checksums.at(kSolverFile);
  } else if (!settings.weights.empty()) {
    weights = checksum(find_weights(settings.weights).path);
  }
  return {{"the checksum of the solver's file", checksum(solver.file)},
          {"the checksum of the net's file", checksum(net.file)},
          {"the number of images to train with", std::to_string(feed->examples(Phase::kTrain))},
          {"the batch", std::to_string(batch)},
          {"--codec", std::string(name_of(settings.codec))},
          {"the seed", std::to_string(seed)},
          {"the iteration to begin with", std::to_string(snapshot ? snapshot->state.iteration : 0)},
          {"the iteration to end with", std::to_string(iterations)},
          {"the checksum of the weights to begin with", weights},
          {"the checksum of the solver's memory to begin with", history}};
}

void TrainingJob::make_plan() {
  // Shapes are checked here, before any worker has memory.
  const std::unique_ptr<BatchSource> probe = feed->open(Phase::kTrain, {.workers = cluster.workers(), .batch = batch});
  const NetDescription description = describe_net(net, {.phase = Phase::kTrain, .batch = batch, .source = probe.get()});
  check_labels(net, description, probe->classes());
  std::vector<SyncLayer> layers;
  for (const LayerDescription& layer : description.layers) {
    if (layer.exchanged.empty()) continue;
    SyncLayer& added = layers.emplace_back();
    added.layer = layer.layer;
    added.name = layer.name;
    added.sizes = layer.exchanged;
    for (const std::int64_t size : layer.exchanged) added.size.parameters += size;
    added.size.batch = layer.batch;
    // The factors of a batch make the gradient of that batch; of several batches' sum they would make a part.
    if (solver.iter_size > 1) continue;
    added.size.factor_inputs = layer.factor_inputs;
    added.size.factor_outputs = layer.factor_outputs;
  }
  if (layers.empty()) {
    refuse(bosen::ErrorKind::kConfiguration,
           fmt::format("{}: nothing learns in phase TRAIN: there is no loss, or lr_mult is 0 everywhere", net.file));
  }
  plan = std::make_unique<SyncPlan>(cluster, std::move(layers),
                                    SyncPlan::Wanted{.scheme = settings.scheme,
                                                     .codec = settings.codec,
                                                     .settled = snapshot ? snapshot->state.schemes : SettledSchemes{}});
}

}  // namespace poseidon
