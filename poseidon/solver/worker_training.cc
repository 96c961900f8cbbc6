#include "poseidon/solver/worker_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "bosen/counted.h"
#include "bosen/error.h"
#include "bosen/say.h"

namespace poseidon {
namespace {

/// Warnings beyond this many are told at 8, 16, 32 ...
constexpr unsigned kWarningsMax = 4;
constexpr std::int64_t kTopics = 3;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void say(const std::string& text) { bosen::say(fmt::format("poseidon train: {}\n", text)); }

/// Tells of what may happen in every iteration, more and more rarely.
std::function<void(const std::string&)> rare_warning() {
  return [count = 0U](const std::string& text) mutable {
    ++count;
    if (count <= kWarningsMax) say(text);
    if (count > kWarningsMax && std::has_single_bit(count)) say(fmt::format("{} ({} such warnings)", text, count));
  };
}

ParameterUpdater::Options updater_options(const TrainingJob& job, const bosen::Worker& worker) {
  const SolverSpec& solver = job.solver;
  return {.rule = solver.rule,
          .rate = solver.rate,
          .weight_decay = solver.weight_decay,
          .clip_gradients = solver.clip_gradients,
          .iter_size = solver.iter_size,
          .on_nonfinite = job.settings.on_nonfinite,
          .worker = worker.id(),
          .warn = rare_warning()};
}

NetOptions net_options(const TrainingJob& job, const bosen::Worker& worker) {
  return {
      .phase = Phase::kTrain, .batch = job.batch, .seed = job.seed, .worker = static_cast<std::uint64_t>(worker.id())};
}

}  // namespace

std::unique_ptr<BatchSource> WorkerTraining::open_source(const TrainingJob& job, const bosen::Worker& worker) {
  return job.feed->open(Phase::kTrain, {.worker = worker.id(),
                                        .workers = worker.count(),
                                        .batch = job.batch,
                                        .read_threads = job.settings.read_threads});
}

WorkerTraining::WorkerTraining(const TrainingJob& job, bosen::Worker& worker)
    : job_(job),
      worker_(worker),
      backend_(job.backends.make(worker.id(), job.cluster.options().threads)),
      source_(open_source(job, worker)),
      net_(job.net, net_options(job, worker), *backend_, source_.get()),
      updater_(net_.layers(), *backend_, updater_options(job, worker)),
      sums_(job.sums, worker),
      shared_statistics_(job.statistics, worker, *backend_, net_.layers()),
      warn_(rare_warning()),
      losses_(job.solver.average_loss) {
  load();
  if (!job.settings.trace.empty()) {
    std::vector<std::string> names;
    for (const std::unique_ptr<Layer>& layer : net_.layers()) names.push_back(layer->name());
    timeline_.emplace(worker.id(), std::move(names));
  }
  sync_ = std::make_unique<WaitFreeBackprop>(
      *job.plan, worker, net_, *backend_, updater_,
      WaitFreeBackprop::Options{
          .overlap = !job.settings.no_overlap, .timeline = timeline_ ? &*timeline_ : nullptr, .tell = say});
  if (job.feed->has(Phase::kTest)) {
    evaluation_ = std::make_unique<Evaluation>(Evaluation::Options{.spec = job.net,
                                                                   .feed = *job.feed,
                                                                   .worker = worker.id(),
                                                                   .workers = worker.count(),
                                                                   .batches = job.solver.test_iter,
                                                                   .seed = job.seed,
                                                                   .read_threads = job.settings.read_threads},
                                               *backend_, &net_);
  }
  if (job.settings.on_nonfinite == NonfinitePolicy::kStop) return;
  for (const std::unique_ptr<Layer>& layer : net_.layers()) {
    for (Parameter& parameter : layer->parameters()) {
      if (parameter.learned) continue;
      statistics_.push_back({&parameter.value, backend_->make(TensorDescription::row_major(parameter.shape))});
    }
  }
  std::vector<const Tensor*> values;
  for (const Statistic& statistic : statistics_) values.push_back(statistic.value);
  if (!values.empty()) statistics_sums_ = backend_->sums_of_squares(std::move(values));
}

TrainingState WorkerTraining::state() const {
  return {.net = net_.name(),
          .fingerprint = fingerprint_of(parameters_of(net_.layers())),
          .rule = job_.solver.type,
          .iteration = iteration_,
          .examples = examples_,
          .seed = job_.seed,
          .losses = losses_of_all_,
          .schemes = sync_ ? sync_->settled() : SettledSchemes{}};
}

void WorkerTraining::load() {
  const std::vector<NamedTensor> weights = parameters_of(net_.layers());
  if (job_.snapshot) {
    const std::vector<NamedTensor> history = updater_.history();
    load_snapshot(*job_.snapshot, state(), {.weights = weights, .history = history}, *backend_);
    iteration_ = job_.snapshot->state.iteration;
    examples_ = job_.snapshot->state.examples;
    updater_.set_iteration(iteration_);
    source_->seek(examples_ / (job_.batch * worker_.count()));
    net_.set_iteration(iteration_ * job_.solver.iter_size);
    const std::vector<std::vector<double>>& losses = job_.snapshot->state.losses;
    if (losses.empty()) return;
    for (const double loss : losses[static_cast<std::size_t>(worker_.id()) % losses.size()]) losses_.add(loss);
  } else if (!job_.settings.weights.empty()) {
    const WeightsFile weights_file = find_weights(job_.settings.weights);
    if (worker_.id() == 0 && !weights_file.passed_over.empty()) {
      say(fmt::format("{}; beginning with {}", weights_file.passed_over, weights_file.path));
    }
    const TensorFile file(weights_file.path);
    load_tensors(file, weights, job_.settings.fine_tune ? Match::kCommon : Match::kExact, *backend_);
  }
}

WorkerResult WorkerTraining::run() {
  if (!job_.start.empty()) expect_same_start(job_.starts, worker_, job_.start);
  // At the end of a long training that would be too late to know.
  const std::int64_t every = job_.solver.snapshot;
  if (worker_.id() == 0 && job_.snapshots.empty() && every > 0 && every < job_.iterations) {
    say(fmt::format("nothing names a folder for the snapshots of every {}, so none is kept: add --output results",
                    bosen::counted(every, "iteration")));
  }
  const std::int64_t first = iteration_;
  while (iteration_ < job_.iterations) {
    if (test_is_due()) test();
    step();
    const bool last = iteration_ == job_.iterations;
    const std::int64_t display = job_.solver.display;
    if (last || (display > 0 && (iteration_ - 1) % display == 0)) contribute_training();
    report_ready(/*wait=*/false);
    if (!last && job_.solver.snapshot > 0 && iteration_ % job_.solver.snapshot == 0) write_snapshot_on_the_way();
  }
  report_ready(/*wait=*/true);  // others may have more to report than waits for worker 0 while it waits for them
  worker_.barrier();
  sync_->catch_up();
  sync_->finish_timeline();
  if (evaluation_) test();
  result_.iterations = iteration_ - first;
  result_.skipped_last = updater_.skipped_last();
  result_.images_per_second = images_per_second(all_);
  const bool snapshot_is_due = job_.solver.snapshot > 0 && iteration_ % job_.solver.snapshot == 0;
  if (result_.iterations > 0 && (job_.solver.snapshot_after_train || snapshot_is_due) && !job_.snapshots.empty()) {
    write_last_snapshot();
  }
  if (worker_.id() == 0 && updater_.skipped() > 0) {
    say(fmt::format("{} of {} iterations changed nothing, as their gradients were not finite", updater_.skipped(),
                    result_.iterations));
  }
  report_ready(/*wait=*/true);
  result_.timeline = std::move(timeline_);
  for (const WaitFreeBackprop::LayerState& state : sync_->layers()) {
    result_.layers.push_back({.scheme = state.synchronizer->scheme(), .predicted_bytes = state.predicted_bytes});
  }
  return std::move(result_);
}

double WorkerTraining::images_per_second(const Stretch& stretch) const {
  if (stretch.seconds <= 0) return 0;
  return static_cast<double>(stretch.iterations * job_.images_per_iteration()) / stretch.seconds;
}

void WorkerTraining::step() {
  const double begin_s = now_s();
  const double data_wait_s = source_->waited_s();
  const double network_wait_s = sync_->waited_s();
  double loss = 0;
  for (std::int64_t pass_number = 1; pass_number <= job_.solver.iter_size; ++pass_number) {
    loss += pass(pass_number == job_.solver.iter_size);
  }
  sync_->end_iteration();
  if (std::isfinite(loss)) {
    losses_.add(loss / static_cast<double>(job_.solver.iter_size));
  } else {
    losses_.clear();  // rather nothing than what was before
  }
  ++iteration_;
  examples_ += job_.images_per_iteration();
  const Stretch stretch{.iterations = 1,
                        .seconds = now_s() - begin_s,
                        .data_wait_s = source_->waited_s() - data_wait_s,
                        .network_wait_s = sync_->waited_s() - network_wait_s};
  since_report_ += stretch;
  all_ += stretch;
}

double WorkerTraining::pass(bool last) {
  for (Statistic& statistic : statistics_) backend_->copy(*statistic.value, statistic.copy);
  net_.begin_forward(sync_->observer());
  // A device that is still at it is asked for the gradients meanwhile.
  const bool has_loss = net_.has_loss();
  if (has_loss) check_loss(net_.loss(), Activations::kThere);
  // Gradients leave when the last of an iteration's batches is through.
  net_.backward(last ? sync_->observer() : nullptr);
  if (!has_loss) check_loss(net_.loss(), Activations::kOverwritten);
  check_statistics();
  if (!last) updater_.accumulate();
  return net_.loss();
}

void WorkerTraining::check_loss(double loss, Activations activations) {
  if (std::isfinite(loss)) return;
  const TrainingPlace place{.worker = worker_.id(), .clock = iteration_, .layer = ""};
  std::string what = std::isnan(loss) ? "the loss is NaN" : "the loss is infinite";
  if (activations == Activations::kThere) {
    if (const std::string first = net_.find_nonfinite(); !first.empty()) what += fmt::format(" (first in {})", first);
  }
  if (job_.settings.on_nonfinite == NonfinitePolicy::kStop) stop_for_nonfinite(place, what);
  warn_(text_of(place) + ": " + what);
}

// What is not finite would stay so for good, also where the loss and the gradients are.
void WorkerTraining::check_statistics() {
  if (!statistics_sums_) return;
  statistics_sums_->begin();
  const std::span<const double> sums = statistics_sums_->await();
  if (std::all_of(sums.begin(), sums.end(), [](double sum) { return std::isfinite(sum); })) return;
  warn_(text_of({.worker = worker_.id(), .clock = iteration_, .layer = ""}) +
        ": running statistics were not finite and are as they were before");
  for (Statistic& statistic : statistics_) backend_->copy(statistic.copy, *statistic.value);
}

bool WorkerTraining::test_is_due() const {
  const std::int64_t interval = job_.solver.test_interval;
  if (!evaluation_ || interval == 0 || iteration_ % interval != 0) return false;
  return iteration_ > 0 || job_.solver.test_initialization;
}

void WorkerTraining::test() {
  sync_->finish_all();
  shared_statistics_.take_over();
  const EvaluationSums sums = evaluation_->run();
  const bool first = worker_.id() == 0;
  const double loss = losses_.mean();
  const bool has_loss = std::isfinite(loss);
  std::vector<double> values{static_cast<double>(sums.images), sums.loss, has_loss ? loss : 0.0, has_loss ? 1.0 : 0.0,
                             first ? images_per_second(all_) : 0.0};
  values.insert(values.end(), sums.measures.begin(), sums.measures.end());
  sums_.contribute(iteration_ * kTopics + static_cast<std::int64_t>(Topic::kTest), values);
}

void WorkerTraining::contribute_training() {
  const std::int64_t iteration = iteration_ - 1;
  const bool first = worker_.id() == 0;
  const double loss = losses_.mean();
  const bool has_loss = std::isfinite(loss);
  const std::vector<double> values{has_loss ? loss : 0.0,
                                   has_loss ? 1.0 : 0.0,
                                   since_report_.seconds,
                                   since_report_.data_wait_s,
                                   since_report_.network_wait_s,
                                   first ? learning_rate(job_.solver.rate, iteration) : 0.0,
                                   first ? images_per_second(since_report_) : 0.0};
  sums_.contribute(iteration * kTopics + static_cast<std::int64_t>(Topic::kTraining), values);
  since_report_ = {};
}

void WorkerTraining::report_ready(bool wait) {
  while (const std::optional<WorkerSums::Sum> sum = wait ? sums_.await() : sums_.ready()) {
    const std::int64_t iteration = sum->topic / kTopics;
    switch (static_cast<Topic>(sum->topic % kTopics)) {
      case Topic::kTraining:
        report_training(iteration, sum->values);
        break;
      case Topic::kTest:
        report_test(iteration, sum->values);
        break;
      case Topic::kSnapshot:
        keep_losses(sum->values);
        break;
    }
  }
}

void WorkerTraining::report_training(std::int64_t iteration, const std::vector<double>& values) {
  const double seconds = values[2] > 0 ? values[2] : 1;
  job_.cluster.report(iteration, {{"loss", values[0] / values[1]},  // of the workers that have one
                                  {"learning_rate", values[5]},
                                  {"images_per_second", values[6]},
                                  {"data_wait", values[3] / seconds},
                                  {"network_wait", values[4] / seconds}});
}

void WorkerTraining::report_test(std::int64_t iteration, const std::vector<double>& values) {
  std::vector<std::pair<std::string, double>> measures;
  const double images = values[0];
  const bool has_trained = values[4] > 0;                                 // in this run
  if (has_trained) measures.emplace_back("loss", values[2] / values[3]);  // of the workers that have one
  measures.emplace_back("test_loss", values[1] / images);
  for (std::size_t i = 0; i < evaluation_->names().size(); ++i) {
    measures.emplace_back(evaluation_->names()[i], values[i + 5] / images);
  }
  if (has_trained) measures.emplace_back("images_per_second", values[4]);
  job_.cluster.report(iteration, measures);
}

// A slot for each worker, empty but in its own contribution: how many losses, then the losses. Their sum has all.
void WorkerTraining::contribute_losses() {
  const std::int64_t window = job_.solver.average_loss;
  if (window == 1) return;  // the next iteration replaces it
  const auto slot = static_cast<std::size_t>(window + 1);
  const auto number = static_cast<std::size_t>(worker_.id());
  const auto slots = worker_.id() == 0 ? static_cast<std::size_t>(worker_.count()) : number + 1;
  std::vector<double> values(slots * slot);
  const std::vector<double> losses = losses_.last();
  values[number * slot] = static_cast<double>(losses.size());
  std::copy(losses.begin(), losses.end(), values.begin() + static_cast<std::ptrdiff_t>(number * slot + 1));
  sums_.contribute(iteration_ * kTopics + static_cast<std::int64_t>(Topic::kSnapshot), values);
  report_ready(/*wait=*/true);
}

void WorkerTraining::keep_losses(const std::vector<double>& values) {
  losses_of_all_.clear();
  const auto slot = static_cast<std::ptrdiff_t>(job_.solver.average_loss + 1);
  for (auto first = values.begin(); first != values.end(); first += slot) {
    losses_of_all_.emplace_back(first + 1, first + 1 + static_cast<std::ptrdiff_t>(*first));
  }
}

void WorkerTraining::write_snapshot_here() {
  contribute_losses();
  if (worker_.id() != 0) return;
  const std::vector<NamedTensor> weights = parameters_of(net_.layers());
  for (const NamedTensor& tensor : weights) {
    if (is_finite(*tensor.tensor, *backend_)) continue;
    stop_for_nonfinite({.worker = worker_.id(), .clock = iteration_, .layer = ""},
                       fmt::format("parameter '{}' is not finite, so no snapshot is written", tensor.name),
                       job_.settings.on_nonfinite);
  }
  const std::vector<NamedTensor> history = updater_.history();
  result_.snapshot = write_snapshot(job_.snapshots, state(), {.weights = weights, .history = history}, *backend_);
  if (!job_.notice) return;
  job_.notice->set(
      fmt::format("poseidon train: stopped; its newest snapshot is {}: the same command with --resume {} "
                  "goes on from there",
                  result_.snapshot, job_.snapshots));
}

void WorkerTraining::write_last_snapshot() {
  try {
    write_snapshot_here();
  } catch (const bosen::Error& error) {
    if (error.kind() != bosen::ErrorKind::kStorage) throw;
    throw bosen::Error(error.kind(), fmt::format("{}: training has ended, and what it has learned since the last "
                                                 "snapshot is lost; make room, and go on from that with --resume",
                                                 error.what()));
  }
}

void WorkerTraining::write_snapshot_on_the_way() {
  if (job_.snapshots.empty()) return;
  sync_->finish_all();
  try {
    write_snapshot_here();
  } catch (const bosen::Error& error) {
    if (error.kind() != bosen::ErrorKind::kStorage) throw;
    say(fmt::format("{}: no snapshot of iteration {}; older ones are as they were, training goes on", error.what(),
                    iteration_));
  }
}

}  // namespace poseidon
