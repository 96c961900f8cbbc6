// mlr: multinomial logistic regression on a table of weights, a row for each class.

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "apps/common/fingerprint.h"
#include "apps/common/npy.h"
#include "apps/mlr/data_set.h"
#include "apps/mlr/learner.h"
#include "bosen/bosen.h"

namespace mlr {
namespace {

struct Settings {
  DataOptions data;
  LearnerOptions learner;
  int epochs = 20;
};

/// The weights as the worker may see them.
using Views = std::vector<bosen::RowView<float>>;

/// Tests with several threads, each on its share of the examples.
Softmax::Score test(const Softmax& model, const Examples& examples, int threads) {
  std::vector<Softmax::Score> scores(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> helpers;
    const auto test_share = [&](std::size_t share) {
      const std::size_t first = examples.size() * share / scores.size();
      const std::size_t end = examples.size() * (share + 1) / scores.size();
      scores[share] = model.test(examples, first, end - first);
    };
    for (std::size_t share = 1; share < scores.size(); ++share) helpers.emplace_back(test_share, share);
    test_share(0);
  }
  Softmax::Score total;
  for (const Softmax::Score& score : scores) {
    total.correct += score.correct;
    total.loss += score.loss;
  }
  return total;
}

std::uint64_t fingerprint_of(const Examples& examples) {
  apps::Fingerprint fingerprint;
  fingerprint.add(std::span(examples.labels));
  fingerprint.add(std::span(examples.nonzeros));
  fingerprint.add(std::span(examples.begins));
  return fingerprint.value();
}

/// One run of the app in one process.
class Training {
 public:
  Training(bosen::Cluster& cluster, const Settings& settings)
      : cluster_(cluster),
        settings_(settings),
        data_(read_data_set(data_options(cluster, settings))),
        fingerprint_(fingerprint_of(data_.train)) {
    const std::size_t examples = data_.train.size();
    if (examples < static_cast<std::size_t>(cluster.workers())) {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         fmt::format("there are {} workers for {} examples in {}: use fewer workers or more data",
                                     cluster.workers(), examples, settings.data.data));
    }
    settings_.learner.seed = cluster.options().seed;
    means_ = feature_means(data_.train);
    classes_.resize(static_cast<std::size_t>(data_.train.classes));
    std::iota(classes_.begin(), classes_.end(), bosen::RowId{0});
    weights_ = cluster.create_table<float>("weights", {.width = data_.train.features + 1});
    clocks_ = cluster.options().clocks;
    if (clocks_ == 0) clocks_ = settings.epochs * clocks_per_epoch(examples, cluster.workers(), settings_.learner);
    cluster.expect_clocks(clocks_);
  }

  void run() {
    cluster_.run_workers([this](bosen::Worker& worker) { learn(worker); });
  }

  /// The weights at the end, row after row, for features as they stand in the data; on rank 0.
  [[nodiscard]] const std::vector<float>& result() const { return result_; }
  [[nodiscard]] std::int64_t classes() const { return data_.train.classes; }

 private:
  static DataOptions data_options(const bosen::Cluster& cluster, const Settings& settings) {
    DataOptions options = settings.data;
    options.need_test = cluster.rank() == 0;
    return options;
  }

  void learn(bosen::Worker& worker) {
    std::uint64_t fingerprint = fingerprint_;
    apps::keep_fingerprint(worker, fingerprint);
    Learner learner(data_.train, means_, {worker.id(), worker.count()}, settings_.learner);
    learner.each_memory([&](const char* name, auto memory) { worker.keep(name, memory); });
    while (worker.clock() < clocks_) {
      if (worker.checkpoint_due()) worker.checkpoint();
      const Views views = weights_.get(worker, classes_);
      learner.learn(worker.clock(), std::vector<std::span<const float>>(views.begin(), views.end()));
      for (int k = 0; k < learner.classes(); ++k) weights_.inc(worker, k, learner.update(k));
      worker.advance();

      const bool last = worker.clock() == clocks_;
      if (last) worker.barrier();  // so that the last test sees the work of all
      if (worker.id() == 0 && (last || worker.clock() % learner.epoch_clocks() == 0)) evaluate(worker, learner);
    }
  }

  void evaluate(bosen::Worker& worker, Learner& learner) {
    const Views views = weights_.get(worker, classes_);
    learner.model().load(std::vector<std::span<const float>>(views.begin(), views.end()));
    const Softmax::Score score = test(learner.model(), data_.test, cluster_.options().threads);
    if (!std::isfinite(learner.epoch_loss()) || !std::isfinite(score.loss)) {
      throw bosen::Error(
          bosen::ErrorKind::kUsage,
          fmt::format("training diverged before clock {}: take a smaller --learning-rate", worker.clock()));
    }
    const auto count = static_cast<double>(data_.test.size());
    cluster_.report(worker.clock(), {{"loss", learner.epoch_loss()},
                                     {"accuracy", static_cast<double>(score.correct) / count},
                                     {"test_loss", score.loss / count}});
    if (worker.clock() < clocks_) return;
    for (int k = 0; k < learner.classes(); ++k) {
      const std::vector<float> row = learner.model().raw_row(k);
      result_.insert(result_.end(), row.begin(), row.end());
    }
  }

  bosen::Cluster& cluster_;
  Settings settings_;
  DataSet data_;
  const std::uint64_t fingerprint_;
  std::vector<float> means_;
  std::vector<bosen::RowId> classes_;
  bosen::Table<float> weights_;
  bosen::Clock clocks_ = 0;
  std::vector<float> result_;
};

void declare(bosen::App& app, Settings& settings) {
  app.makes_checkpoints()
      .option("data", &settings.data.data,
              "folder of IDX files, such as /usr/share/datasets/fashion-mnist, or a file in libsvm's format",
              {.value_name = "PATH", .required = true})
      .option("test", &settings.data.test, "file to test with, where --data is a file", {.value_name = "FILE"})
      .option("classes", &settings.data.classes, "number of classes; 0: 10 in a folder, found in a file",
              {.minimum = 0, .maximum = 65'536})
      .option("epochs", &settings.epochs, "how often to go through the data", {.minimum = 1, .maximum = 1e6})
      .option("batch", &settings.learner.batch, "examples of a clock, of all workers together",
              {.minimum = 1, .maximum = 1e9})
      .option("learning-rate", &settings.learner.learning_rate, "largest step of a weight in a clock",
              {.minimum = 1e-9, .maximum = 1e3})
      .option("decay", &settings.learner.decay, "factor of the learning rate from epoch to epoch",
              {.minimum = 1e-3, .maximum = 1})
      .option("l2", &settings.learner.l2, "weight of the squared norm in the loss", {.minimum = 0, .maximum = 1e3})
      .check([&settings](const bosen::Options&) { check(settings.data); });
}

/// Writes what --output asks for; returns what to tell the user.
std::string conclude(const Training& training, const bosen::Cluster& cluster) {
  const bosen::Options& options = cluster.options();
  std::string text;
  if (!options.output.empty()) {
    const std::string path = options.output + "/weights.npy";
    const auto width = static_cast<std::int64_t>(training.result().size()) / training.classes();
    apps::write_npy<float>(path, training.result(), {training.classes(), width});
    text += fmt::format("mlr: wrote {} (a row for each class: weights, then bias)\n", path);
  }
  if (options.output.empty()) return text + "mlr: next, keep the model: add --output results\n";
  // A job that makes checkpoints, or goes on from some, needs other flags next time.
  const bool has_checkpoints = options.checkpoint_every > 0 || !options.resume.empty();
  const bool was_alone = cluster.size() == 1 && options.servers == 0 && !cluster.is_simulated();
  if (was_alone && !has_checkpoints) {
    return text + "mlr: next, on two processes: bosen run -n 2 -- before the same command\n";
  }
  return text + fmt::format("mlr: next, look: numpy.load('{}/weights.npy')\n", options.output);
}

int run(int argc, char** argv) {
  Settings settings;
  bosen::App app("mlr", "Multinomial logistic regression by mini-batch SGD");
  declare(app, settings);
  std::string conclusion;
  const int code = app.run(argc, argv, [&](bosen::Cluster& cluster) {
    Training training(cluster, settings);
    training.run();
    if (cluster.rank() == 0) conclusion = conclude(training, cluster);
  });
  if (code == 0) bosen::say(conclusion);
  return code;
}

}  // namespace
}  // namespace mlr

int main(int argc, char** argv) { return mlr::run(argc, argv); }
