// mf: biased matrix factorisation on two tables, a row for each user and a row for each item.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common/fingerprint.h"
#include "apps/common/gathering.h"
#include "apps/common/input_file.h"
#include "apps/common/npy.h"
#include "apps/common/start_clock.h"
#include "apps/mf/factors.h"
#include "apps/mf/partition.h"
#include "apps/mf/ratings.h"
#include "bosen/bosen.h"
#include "bosen/random.h"

namespace mf {
namespace {

using apps::kStartClocks;

constexpr std::uint64_t kOrderStream = 6;
constexpr std::size_t kRowsAtOnce = 4096;

struct Settings {
  std::string data;
  std::optional<GeneratorOptions> generate;
  int test_every = 10;
  int rank = 20;
  int epochs = 30;
  std::int64_t clocks_per_epoch = 0;
  SgdOptions sgd;
};

/// What a worker found in an epoch among the ratings of its own users. Travels as bytes.
struct EpochSums {
  double train_error = 0;  ///< summed squares
  double train_count = 0;
  double test_error = 0;  ///< summed squares

  void add(const EpochSums& other) {
    train_error += other.train_error;
    train_count += other.train_count;
    test_error += other.test_error;
  }
};

/// The tables of a run.
struct Tables {
  bosen::Table<float> users;
  bosen::Table<float> items;
};

/// One worker's part of the run: its users' ratings and its hands.
class WorkerPart {
 public:
  WorkerPart(bosen::Worker& worker, const Tables& tables, const Ratings& ratings, const std::vector<int>& owners,
             const Settings& settings, std::int64_t epoch_clocks, std::uint64_t seed)
      : worker_(worker),
        tables_(tables),
        seed_(seed),
        slices_(
            cut_into_slices(ratings_of_worker(ratings.train, owners, worker.id()), epoch_clocks, seed, worker.id())),
        test_(make_slice(ratings_of_worker(ratings.test, owners, worker.id()))),
        factorizer_(settings.rank, ratings.mean, settings.sgd),
        row_(static_cast<std::size_t>(settings.rank) + 1) {
    worker.keep("sums", sums_, bosen::Worker::Keep::kIfPossible);
  }

  /// Sets rows to their random start: those of its own users, and every n-th item.
  void start_rows(const std::vector<int>& owners, std::size_t items) {
    for (std::size_t user = 0; user < owners.size(); ++user) {
      if (owners[user] == worker_.id()) start(tables_.users, RowKind::kUser, user);
    }
    const auto count = static_cast<std::size_t>(worker_.count());
    for (auto item = static_cast<std::size_t>(worker_.id()); item < items; item += count) {
      start(tables_.items, RowKind::kItem, item);
    }
    worker_.advance();
    worker_.barrier();
  }

  /// Learns from clock `clock`'s slice: reads each row once, works on copies, adds what has changed. Another worker's
  /// steps on the same items come on top, which is why clocks are short (clocks_per_epoch says how short).
  void learn(std::int64_t clock) {
    const Slice& slice = slices_[static_cast<std::size_t>(clock) % slices_.size()];
    const Views views = load(slice);
    order_.resize(slice.ratings.size());
    std::iota(order_.begin(), order_.end(), 0U);
    const auto stream = (static_cast<std::uint64_t>(worker_.id()) << 8) + kOrderStream;
    bosen::Random(seed_, stream, static_cast<std::uint64_t>(clock)).shuffle(std::span(order_));
    sums_.train_error += factorizer_.learn(slice, order_);
    sums_.train_count += static_cast<double>(order_.size());
    add(tables_.users, slice.users, views.users, factorizer_.users());
    add(tables_.items, slice.items, views.items, factorizer_.items());
    worker_.advance();
  }

  /// Ends the epoch: tests, and returns the epoch's sums.
  EpochSums finish_epoch() {
    EpochSums sums = sums_;
    sums_ = {};
    if (test_.ratings.empty()) return sums;
    load(test_);
    sums.test_error = factorizer_.squared_error(test_);
    return sums;
  }

 private:
  struct Views {
    std::vector<bosen::RowView<float>> users;
    std::vector<bosen::RowView<float>> items;
  };

  void start(const bosen::Table<float>& table, RowKind kind, std::size_t row) {
    start_row(seed_, kind, static_cast<std::int64_t>(row), row_);
    table.inc(worker_, static_cast<bosen::RowId>(row), std::span<const float>(row_));
  }

  Views load(const Slice& slice) {
    tables_.users.prefetch(worker_, slice.users);  // while the items travel
    Views views;
    views.items = tables_.items.get(worker_, slice.items);
    views.users = tables_.users.get(worker_, slice.users);
    load(views.users, factorizer_.users());
    load(views.items, factorizer_.items());
    return views;
  }

  static void load(const std::vector<bosen::RowView<float>>& views, RowBlock& block) {
    block.resize(views.size());
    for (std::size_t i = 0; i < views.size(); ++i) block.load(i, views[i]);
  }

  void add(const bosen::Table<float>& table, const std::vector<std::int64_t>& rows,
           const std::vector<bosen::RowView<float>>& before, const RowBlock& block) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      block.difference(i, before[i], row_);
      table.inc(worker_, rows[i], std::span<const float>(row_));
    }
  }

  bosen::Worker& worker_;
  const Tables& tables_;
  const std::uint64_t seed_;
  const std::vector<Slice> slices_;
  const Slice test_;
  Factorizer factorizer_;
  std::vector<std::uint32_t> order_;
  std::vector<float> row_;
  EpochSums sums_;
};

std::uint64_t fingerprint_of(const Ratings& ratings) {
  apps::Fingerprint fingerprint;
  fingerprint.add(std::span(ratings.train));
  fingerprint.add(std::span(ratings.user_ids));
  fingerprint.add(std::span(ratings.item_ids));
  return fingerprint.value();
}

/// One run of the app in one process.
class Training {
 public:
  Training(bosen::Cluster& cluster, const Settings& settings)
      : cluster_(cluster),
        settings_(settings),
        seed_(cluster.options().seed),
        ratings_(read(settings, seed_)),
        fingerprint_(fingerprint_of(ratings_)) {
    check_workers(cluster.workers());
    owners_ = assign_users(ratings_, cluster.workers());
    // With more there would be clocks in which nobody has a rating.
    epoch_clocks_ = std::min(settings.clocks_per_epoch, static_cast<std::int64_t>(ratings_.train.size()));
    if (epoch_clocks_ == 0) epoch_clocks_ = clocks_per_epoch(ratings_, cluster.workers(), settings.sgd.learning_rate);
    clocks_ = settings.epochs * epoch_clocks_;
    if (cluster.options().clocks > 0) clocks_ = cluster.options().clocks - kStartClocks;
    epochs_ = (clocks_ + epoch_clocks_ - 1) / epoch_clocks_;
    cluster.expect_clocks(kStartClocks + clocks_);
    // Workers without any bound would in the end learn items from their own users only, and what they add would not fit
    // together. An epoch is as far as they may drift.
    barrier_every_epoch_ = cluster.options().consistency == bosen::Consistency::kAsp;
    const bosen::TableOptions options{.width = settings.rank + 1};
    tables_.users = cluster.create_table<float>("users", options);
    tables_.items = cluster.create_table<float>("items", options);
    gathering_.emplace(cluster, "epochs", epochs_, epochs_before(cluster.first_clock()));
  }

  void run(bosen::Worker& worker) {
    std::uint64_t fingerprint = fingerprint_;
    apps::keep_fingerprint(worker, fingerprint);
    WorkerPart part(worker, tables_, ratings_, owners_, settings_, epoch_clocks_, seed_);
    if (worker.clock() == 0) part.start_rows(owners_, ratings_.items());
    for (bosen::Clock clock = worker.clock() - kStartClocks; clock < clocks_; ++clock) {
      if (worker.checkpoint_due()) save(worker);
      part.learn(clock);
      const bosen::Clock done = clock + 1;
      const bool last = done == clocks_;
      const bool ends_epoch = last || done % epoch_clocks_ == 0;
      if (last || (ends_epoch && barrier_every_epoch_)) worker.barrier();  // the last test sees the work of all
      if (ends_epoch) gathering_->send(worker, clock / epoch_clocks_, part.finish_epoch());
      if (worker.id() == 0 && gathering_->poll(worker)) report();
    }
    if (worker.id() != 0) return;
    gathering_->wait_until(worker, epochs_, [this] { report(); });
    users_ = read_rows(worker, tables_.users, ratings_.users());
    items_ = read_rows(worker, tables_.items, ratings_.items());
  }

  /// Writes the model into a folder; on rank 0.
  void write(const std::string& folder) const {
    const auto users = static_cast<std::int64_t>(ratings_.users());
    const auto items = static_cast<std::int64_t>(ratings_.items());
    const std::int64_t width = settings_.rank + 1;
    apps::write_npy<float>(folder + "/users.npy", users_, {users, width});
    apps::write_npy<float>(folder + "/items.npy", items_, {items, width});
    apps::write_npy<std::int64_t>(folder + "/user_ids.npy", ratings_.user_ids, {users});
    apps::write_npy<std::int64_t>(folder + "/item_ids.npy", ratings_.item_ids, {items});
    apps::write_npy<double>(folder + "/mean.npy", std::vector<double>{ratings_.mean}, {});
  }

 private:
  /// Epochs that workers have finished when they begin a clock.
  [[nodiscard]] std::int64_t epochs_before(bosen::Clock clock) const {
    return std::max<bosen::Clock>(clock - kStartClocks, 0) / epoch_clocks_;
  }

  /// What was found before the checkpoint is reported before it: messages are in none.
  void save(bosen::Worker& worker) {
    if (worker.id() == 0) {
      gathering_->wait_until(worker, epochs_before(worker.clock()), [this] { report(); });
    }
    worker.checkpoint();
  }

  static Ratings read(const Settings& settings, std::uint64_t seed) {
    if (settings.generate) return generate_ratings(*settings.generate, settings.test_every, seed);
    return read_ratings(settings.data, settings.test_every);
  }

  // Workers beyond the number of users have none, and only keep the others company.
  void check_workers(int workers) const {
    if (static_cast<std::size_t>(workers) <= ratings_.train.size()) return;
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("there are {} workers for {} ratings: use fewer workers or more data", workers,
                                   ratings_.train.size()));
  }

  /// Reports the epoch that is whole.
  void report() {
    const bosen::Clock clock = kStartClocks + std::min(clocks_, (gathering_->round() + 1) * epoch_clocks_);
    const EpochSums sums = gathering_->next();
    if (sums.train_count == 0) return;  // --clocks ended the epoch before anybody's first rating
    const double train_rmse = std::sqrt(sums.train_error / sums.train_count);
    if (!std::isfinite(train_rmse)) {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         fmt::format("training diverged before clock {}: take a smaller --learning-rate, a smaller "
                                     "--staleness or more --clocks-per-epoch",
                                     clock));
    }
    if (ratings_.test.empty()) return cluster_.report(clock, {{"train_rmse", train_rmse}});
    const double rmse = std::sqrt(sums.test_error / static_cast<double>(ratings_.test.size()));
    cluster_.report(clock, {{"rmse", rmse}, {"train_rmse", train_rmse}});
  }

  static std::vector<float> read_rows(bosen::Worker& worker, const bosen::Table<float>& table, std::size_t count) {
    std::vector<float> values;
    for (std::size_t first = 0; first < count; first += kRowsAtOnce) {
      std::vector<bosen::RowId> rows(std::min(kRowsAtOnce, count - first));
      std::iota(rows.begin(), rows.end(), static_cast<bosen::RowId>(first));
      for (const auto& view : table.get(worker, rows)) values.insert(values.end(), view.begin(), view.end());
    }
    return values;
  }

  bosen::Cluster& cluster_;
  const Settings settings_;
  const std::uint64_t seed_;
  const Ratings ratings_;
  const std::uint64_t fingerprint_;
  std::vector<int> owners_;  ///< by user, its worker
  std::int64_t epoch_clocks_ = 0;
  bosen::Clock clocks_ = 0;  ///< of training
  std::int64_t epochs_ = 0;  ///< begun in these clocks
  bool barrier_every_epoch_ = false;
  Tables tables_;
  std::optional<apps::Gathering<EpochSums>> gathering_;
  std::vector<float> users_;  ///< the result, row after row
  std::vector<float> items_;
};

void check(const Settings& settings, const bosen::Options& options) {
  apps::expect_clocks_to_learn(options);
  using bosen::Error;
  using bosen::ErrorKind;
  if (settings.data.empty() != settings.generate.has_value()) {
    throw Error(ErrorKind::kUsage, "give either --data FILE or --generate ROWS,COLS,RANK,NNZ");
  }
  if (settings.test_every == 1)
    throw Error(ErrorKind::kUsage, "--test-every 1 leaves nothing to learn from: give 2 or more");
  std::error_code error;
  if (!settings.generate && !std::filesystem::exists(settings.data, error)) {
    apps::refuse_file(settings.data,
                      "is not there: give a file of lines USER ITEM RATING, or --generate "
                      "ROWS,COLS,RANK,NNZ");
  }
}

void declare(bosen::App& app, Settings& settings) {
  app.makes_checkpoints()
      .option("data", &settings.data, "file of lines USER ITEM RATING, separated by tabs, commas, colons or blanks",
              {.value_name = "FILE"})
      .option("generate", [&settings](const std::string& text) { settings.generate = parse_generator(text); },
              "make ratings up instead", {.value_name = "ROWS,COLS,RANK,NNZ", .list = true})
      .option("test-every", &settings.test_every, "test with ratings i, from 0, with i % K == K - 1; 0: none",
              {.minimum = 0, .maximum = 1e9, .value_name = "K"})
      .option("rank", &settings.rank, "factors of a user and of an item", {.minimum = 1, .maximum = 4096})
      .option("epochs", &settings.epochs, "how often to go through the ratings", {.minimum = 1, .maximum = 1e6})
      .option("clocks-per-epoch", &settings.clocks_per_epoch,
              "clocks of an epoch, at most one for each rating; 0: as data and workers need",
              {.minimum = 0, .maximum = 1e9})
      .option("learning-rate", &settings.sgd.learning_rate, "step of SGD", {.minimum = 1e-9, .maximum = 10})
      .option("regularization", &settings.sgd.regularization, "weight of the squared norm of factors and biases",
              {.minimum = 0, .maximum = 100})
      .check([&settings](const bosen::Options& options) { check(settings, options); });
}

/// Writes what --output asks for; returns what to tell the user.
std::string conclude(const Training& training, const bosen::Cluster& cluster) {
  const bosen::Options& options = cluster.options();
  std::string text;
  if (!options.output.empty()) {
    training.write(options.output);
    text += fmt::format("mf: wrote {}/{{users,items,user_ids,item_ids,mean}}.npy (rows: factors, then bias)\n",
                        options.output);
  }
  if (options.output.empty()) return text + "mf: next, keep the model: add --output results\n";
  // A job that makes checkpoints, or goes on from some, needs other flags next time.
  const bool has_checkpoints = options.checkpoint_every > 0 || !options.resume.empty();
  const bool was_alone = cluster.size() == 1 && options.servers == 0 && !cluster.is_simulated();
  if (was_alone && !has_checkpoints) {
    return text + "mf: next, on two processes: bosen run -n 2 -- before the same command\n";
  }
  return text + fmt::format("mf: next, look: numpy.load('{}/users.npy')\n", options.output);
}

int run(int argc, char** argv) {
  Settings settings;
  bosen::App app("mf", "Biased matrix factorisation by SGD");
  declare(app, settings);
  std::string conclusion;
  const int code = app.run(argc, argv, [&](bosen::Cluster& cluster) {
    Training training(cluster, settings);
    cluster.run_workers([&](bosen::Worker& worker) { training.run(worker); });
    if (cluster.rank() == 0) conclusion = conclude(training, cluster);
  });
  if (code == 0) bosen::say(conclusion);
  return code;
}

}  // namespace
}  // namespace mf

int main(int argc, char** argv) { return mf::run(argc, argv); }
