// lasso: scheduled coordinate descent on two tables, the residual and the coefficients. Worker 0 schedules rounds; a
// column belongs to one worker, which alone changes its coefficient.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common/gathering.h"
#include "apps/common/input_file.h"
#include "apps/common/npy.h"
#include "apps/common/start_clock.h"
#include "apps/lasso/problem.h"
#include "apps/lasso/round_correlations.h"
#include "bosen/bosen.h"
#include "bosen/priority_scheduler.h"

namespace lasso {
namespace {

using apps::kStartClocks;

constexpr std::int64_t kWidth = 1024;  // elements of a table's row
constexpr std::int64_t kReportTag = -1;
constexpr std::int64_t kLookTag = -2;
constexpr double kRounding = 1e-12;
// Columns looked at for each that may be under way.
constexpr double kCandidates = 4;

struct Settings {
  std::string data;
  std::optional<GeneratorOptions> generate;
  double lambda = 0;
  double lambda_ratio = 0.1;
  std::string schedule = "priority";
  int round = 1024;
  double correlation_max = 0.1;
  int evaluate_every = 10;
  double tolerance = 1e-6;
  int rounds_max = 100'000;
};

/// What a column's owner tells the scheduler.
struct Report {
  std::uint64_t column = 0;
  double priority = 0;
};

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

template <class T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

std::int64_t rows_for(std::size_t elements) { return (static_cast<std::int64_t>(elements) + kWidth - 1) / kWidth; }

/// A vector in a table's rows.
struct VectorTable {
  bosen::Table<double> table;
  std::size_t size = 0;

  [[nodiscard]] std::vector<bosen::RowView<double>> get(bosen::Worker& worker) const {
    std::vector<bosen::RowId> rows(static_cast<std::size_t>(rows_for(size)));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<bosen::RowId>(i);
    return table.get(worker, rows);
  }

  [[nodiscard]] std::vector<double> read(bosen::Worker& worker) const {
    std::vector<double> values;
    for (const auto& view : get(worker)) values.insert(values.end(), view.begin(), view.end());
    values.resize(size);
    return values;
  }

  /// The same, with what only the rounding of many changes left of zeros made zero.
  [[nodiscard]] std::vector<double> read_sparse(bosen::Worker& worker) const {
    std::vector<double> values = read(worker);
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    for (double& value : values) value = std::abs(value) > kRounding * most ? value : 0;
    return values;
  }

  /// Adds what `values` has more than `before`, of which it began as a copy.
  void add_changes(bosen::Worker& worker, const std::vector<bosen::RowView<double>>& before,
                   std::span<const double> values) const {
    std::vector<double> changes(static_cast<std::size_t>(kWidth));
    for (std::size_t row = 0; row < before.size(); ++row) {
      const auto own = values.subspan(row * changes.size(), std::min(changes.size(), size - row * changes.size()));
      bool changed = false;
      std::fill(changes.begin(), changes.end(), 0.0);
      for (std::size_t i = 0; i < own.size(); ++i) changed |= (changes[i] = own[i] - before[row][i]) != 0;
      if (changed) table.inc(worker, static_cast<bosen::RowId>(row), std::span<const double>(changes));
    }
  }
};

/// Worker 0's: which columns change in which round.
class Schedule {
 public:
  Schedule(const Problem& problem, const Settings& settings, double lambda, const bosen::Options& options, int workers)
      : scheduler_(
            problem.columns(),
            {.round = static_cast<std::size_t>(std::max<bosen::Clock>(1, settings.round / (lead_of(options) + 1))),
             .candidates = kCandidates * static_cast<double>(lead_of(options) + 1),
             .uniform_share = settings.schedule == "random" ? 1.0 : 0.0,
             .seed = options.seed}),
        correlations_(problem, settings.correlation_max, static_cast<std::uint32_t>(workers)),
        takes_all_(settings.schedule == "random"),
        workers_(static_cast<std::uint32_t>(workers)) {
    for (std::size_t j = 0; j < problem.columns(); ++j) {
      scheduler_.report(static_cast<std::uint32_t>(j), start_priority(problem, j, lambda));
    }
  }

  /// Rounds by which workers may be ahead of worker 0.
  static bosen::Clock lead_of(const bosen::Options& options) {
    if (options.consistency == bosen::Consistency::kBsp) return 0;
    return std::min<bosen::Clock>(options.staleness, 8);
  }

  /// The next round, by owner.
  std::vector<std::vector<std::uint32_t>> next() {
    correlations_.begin_round();
    const auto admit = [this](std::uint32_t column) { return takes_all_ || correlations_.admit(column); };
    std::vector<std::vector<std::uint32_t>> by_owner(workers_);
    for (const std::uint32_t column : scheduler_.next_round(admit)) by_owner[column % workers_].push_back(column);
    return by_owner;
  }

  void report(const Report& report) {
    if (takes_all_) return;  // nothing is picked by priority
    scheduler_.report(static_cast<std::uint32_t>(report.column), report.priority);
  }

 private:
  bosen::PriorityScheduler scheduler_;
  RoundCorrelations correlations_;
  const bool takes_all_;  ///< at random, dependent or not
  const std::uint32_t workers_;
};

/// One run of the app in one process.
class Solving {
 public:
  Solving(bosen::Cluster& cluster, const Settings& settings)
      : cluster_(cluster),
        settings_(settings),
        problem_(settings.generate ? generate_problem(*settings.generate, cluster.options().seed)
                                   : read_problem(settings.data)),
        lambda_(settings.lambda > 0 ? settings.lambda : settings.lambda_ratio * lambda_max(problem_)),
        rounds_max_(cluster.options().clocks > 0 ? cluster.options().clocks - kStartClocks : settings.rounds_max),
        lead_(Schedule::lead_of(cluster.options())),
        rounds_(cluster.create_channel("rounds", {.capacity = 64})),
        reports_(cluster.create_channel("reports", {.capacity = 64})),
        sums_(cluster, "sums", 1) {
    check_magnitude(problem_);
    residual_ = {cluster.create_table<double>("residual", {.width = kWidth}), problem_.examples()};
    coefficients_ = {cluster.create_table<double>("coefficients", {.width = kWidth}), problem_.columns()};
    if (cluster.rank() == 0) {
      bosen::say(fmt::format("lasso: {}, {}, {}, lambda {:.6g}\n", bosen::counted(problem_.examples(), "example"),
                             bosen::counted(problem_.columns(), "column"),
                             bosen::counted(problem_.entries.size(), "entry", "entries"), lambda_));
    }
  }

  void run(bosen::Worker& worker) {
    std::optional<Schedule> schedule;
    if (worker.id() == 0) {
      schedule.emplace(problem_, settings_, lambda_, cluster_.options(), worker.count());
      for (std::size_t row = 0; row < static_cast<std::size_t>(rows_for(problem_.examples())); ++row) {
        std::vector<double> values(static_cast<std::size_t>(kWidth), 0.0);
        const auto first = problem_.targets.begin() + static_cast<std::ptrdiff_t>(row) * kWidth;
        std::copy(first, std::min(first + kWidth, problem_.targets.end()), values.begin());
        residual_.table.inc(worker, static_cast<bosen::RowId>(row), std::span<const double>(values));
      }
    }
    worker.advance();
    worker.barrier();
    std::vector<double> own(problem_.columns(), 0.0);
    bosen::Clock sent = 0;
    bool goes_on = true;
    for (bosen::Clock round = 0; goes_on; ++round) {
      if (schedule) send_rounds(worker, *schedule, round, sent);
      update(worker, round, own);
      const bosen::Clock done = round + 1;
      if (schedule) take_reports(worker, *schedule, done);
      if (done % settings_.evaluate_every == 0 || done == rounds_max_) goes_on = evaluate(worker, schedule, done, own);
    }
    if (worker.id() == 0) result_ = coefficients_.read_sparse(worker);
  }

  [[nodiscard]] const std::vector<double>& coefficients() const { return result_; }
  [[nodiscard]] const Objective& objective() const { return objective_; }
  [[nodiscard]] std::int64_t updates() const { return updates_; }

 private:
  /// Up to the next evaluation, which may be the last, and no further than the rounds that there will be.
  void send_rounds(bosen::Worker& worker, Schedule& schedule, bosen::Clock round, bosen::Clock& sent) {
    const bosen::Clock evaluation = (round / settings_.evaluate_every + 1) * settings_.evaluate_every;
    const bosen::Clock end = std::min({round + lead_ + 1, evaluation, rounds_max_});
    for (; sent < end; ++sent) {
      const auto by_owner = schedule.next();
      for (bosen::WorkerId owner = 0; owner < worker.count(); ++owner) {
        const auto& columns = by_owner[static_cast<std::size_t>(owner)];
        updates_ += static_cast<std::int64_t>(columns.size());
        rounds_.send(worker, owner, sent, bytes_of(columns));
      }
    }
  }

  /// The worker's part of a round: one column after the other, on a copy of the residual.
  void update(bosen::Worker& worker, bosen::Clock round, std::vector<double>& own) {
    const auto columns = values_of<std::uint32_t>(rounds_.receive(worker, round).bytes);
    const auto before = residual_.get(worker);
    std::vector<double> residual;
    residual.reserve(before.size() * static_cast<std::size_t>(kWidth));
    for (const auto& view : before) residual.insert(residual.end(), view.begin(), view.end());
    const auto examples = static_cast<double>(problem_.examples());
    std::vector<Report> reports;
    for (const std::uint32_t column : columns) {
      const double norm = problem_.squared_norms[column] / examples;
      const double correlation = problem_.product(column, residual) / examples;
      const double best = best_coefficient(own[column], correlation, norm, lambda_);
      const double change = best - own[column];
      reports.push_back({.column = column, .priority = priority(own[column], best, norm)});
      if (change == 0) continue;
      own[column] = best;
      for (const Entry& entry : problem_.column(column)) residual[entry.example] -= entry.value * change;
      coefficients_.table.inc(worker, column / kWidth, static_cast<bosen::Column>(column % kWidth), change);
    }
    residual_.add_changes(worker, before, residual);
    worker.advance();
    reports_.send(worker, 0, kReportTag, bytes_of(reports));
  }

  /// Under bsp those of the whole round in the workers' order, so that what is scheduled next repeats; else what is
  /// here.
  void take_reports(bosen::Worker& worker, Schedule& schedule, bosen::Clock done) {
    if (cluster_.options().consistency == bosen::Consistency::kBsp) {
      for (bosen::WorkerId from = 0; from < worker.count(); ++from) {
        take(reports_.receive(worker, kReportTag, from), schedule, done);
      }
      return;
    }
    while (const auto message = reports_.try_receive(worker, kReportTag)) take(*message, schedule, done);
  }

  // A round that diverges shows here long before the next evaluation.
  static void take(const bosen::ChannelMessage& message, Schedule& schedule, bosen::Clock done) {
    for (const Report& report : values_of<Report>(message.bytes)) {
      if (!std::isfinite(report.priority)) refuse_divergence(done);
      schedule.report(report);
    }
  }

  [[noreturn]] static void refuse_divergence(bosen::Clock done) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("diverged before round {}: take a smaller --round, a smaller --staleness or "
                                   "--schedule priority",
                                   done));
  }

  /// Every worker's: true where another round is worth it. All look at all columns of their own, so that the scheduler
  /// learns of those at rest that have to move.
  bool evaluate(bosen::Worker& worker, std::optional<Schedule>& schedule, bosen::Clock done,
                std::span<const double> own) {
    worker.barrier();
    const std::vector<double> residual = residual_.read(worker);
    look(worker, done, residual, own);
    if (schedule) {
      sums_.wait(worker);
      objective_ = lasso::evaluate(problem_, sums_.next(), residual, lambda_);
      if (!std::isfinite(objective_.value)) refuse_divergence(done);
      take_looks(worker, *schedule, done);
      cluster_.report(kStartClocks + done, {{"objective", objective_.value},
                                            {"duality_gap", objective_.gap},
                                            {"nonzeros", static_cast<double>(objective_.nonzeros)},
                                            {"updates", static_cast<double>(updates_)}});
      const std::uint8_t goes_on = objective_.gap > settings_.tolerance * objective_.value && done < rounds_max_;
      for (bosen::WorkerId other = 0; other < worker.count(); ++other) {
        rounds_.send(worker, other, verdict_tag(done), std::as_bytes(std::span(&goes_on, 1)));
      }
    }
    return values_of<std::uint8_t>(rounds_.receive(worker, verdict_tag(done)).bytes).front() != 0;
  }

  /// Tells worker 0 what the worker's own columns add to the objective, and from which there is something to gain.
  void look(bosen::Worker& worker, bosen::Clock done, std::span<const double> residual, std::span<const double> own) {
    const auto examples = static_cast<double>(problem_.examples());
    ColumnSums sums;
    std::vector<Report> reports;
    const auto workers = static_cast<std::size_t>(worker.count());
    for (auto column = static_cast<std::size_t>(worker.id()); column < problem_.columns(); column += workers) {
      const double product = problem_.product(column, residual);
      const double norm = problem_.squared_norms[column] / examples;
      const double best = best_coefficient(own[column], product / examples, norm, lambda_);
      sums.add({.steepest = std::abs(product), .norm1 = std::abs(own[column]), .nonzeros = own[column] != 0 ? 1 : 0});
      const double gain = priority(own[column], best, norm);
      if (gain > 0) reports.push_back({.column = column, .priority = gain});
    }
    reports_.send(worker, 0, kLookTag, bytes_of(reports));
    sums_.send(worker, (done - 1) / settings_.evaluate_every, sums);
  }

  // Reports of rounds before are here by then, as a worker's messages come in order: they are the older.
  void take_looks(bosen::Worker& worker, Schedule& schedule, bosen::Clock done) {
    std::vector<bosen::ChannelMessage> looks;
    for (bosen::WorkerId from = 0; from < worker.count(); ++from) {
      looks.push_back(reports_.receive(worker, kLookTag, from));
    }
    while (const auto message = reports_.try_receive(worker, kReportTag)) take(*message, schedule, done);
    for (const auto& message : looks) take(message, schedule, done);
  }

  static std::int64_t verdict_tag(bosen::Clock done) { return -1 - done; }

  bosen::Cluster& cluster_;
  const Settings settings_;
  const Problem problem_;
  const double lambda_;
  const bosen::Clock rounds_max_;
  const bosen::Clock lead_;
  bosen::Channel rounds_;
  bosen::Channel reports_;
  apps::Gathering<ColumnSums> sums_;  ///< a round of it is an evaluation
  VectorTable residual_;
  VectorTable coefficients_;
  // Worker 0's.
  Objective objective_;
  std::int64_t updates_ = 0;
  std::vector<double> result_;
};

void check(const Settings& settings, const bosen::Options& options) {
  apps::expect_clocks_to_learn(options);
  using bosen::Error;
  using bosen::ErrorKind;
  if (settings.data.empty() != settings.generate.has_value()) {
    throw Error(ErrorKind::kUsage, "give either --data FILE or --generate ROWS,COLUMNS,ENTRIES,TRUE");
  }
  std::error_code error;
  if (!settings.generate && !std::filesystem::exists(settings.data, error)) {
    apps::refuse_file(settings.data,
                      "is not there: give a file of lines TARGET INDEX:VALUE ..., or --generate "
                      "ROWS,COLUMNS,ENTRIES,TRUE");
  }
}

void declare(bosen::App& app, Settings& settings) {
  app.option("data", &settings.data, "file of lines TARGET INDEX:VALUE ... (libsvm's format)", {.value_name = "FILE"})
      .option("generate", [&settings](const std::string& text) { settings.generate = parse_generator(text); },
              "make a problem up instead", {.value_name = "ROWS,COLUMNS,ENTRIES,TRUE", .list = true})
      .option("lambda", &settings.lambda, "weight of the coefficients' absolute sum; 0: by --lambda-ratio",
              {.minimum = 0, .maximum = 1e12})
      .option("lambda-ratio", &settings.lambda_ratio, "lambda as a part of the one that makes all coefficients zero",
              {.minimum = 1e-6, .maximum = 1})
      .option("schedule", &settings.schedule, "pick columns by priority and keep correlated ones apart, or at random",
              {.choices = {"priority", "random"}})
      .option("round", &settings.round, "columns under way at a time, of all workers together, at most",
              {.minimum = 1, .maximum = 1e6})
      .option("correlation-max", &settings.correlation_max, "correlation above which columns are kept apart",
              {.minimum = 0, .maximum = 1})
      .option("evaluate-every", &settings.evaluate_every,
              "rounds between two looks at the duality gap and at the columns at rest", {.minimum = 1, .maximum = 1e6})
      .option("tolerance", &settings.tolerance, "stop where the gap is at most so much of the objective",
              {.minimum = 0, .maximum = 1})
      .option("rounds-max", &settings.rounds_max, "stop after so many rounds anyway", {.minimum = 1, .maximum = 1e9})
      .check([&settings](const bosen::Options& options) { check(settings, options); });
}

/// Writes what --output asks for; returns what to tell the user.
std::string conclude(const Solving& solving, const bosen::Options& options) {
  const std::string path = options.output + "/coefficients.npy";
  if (!options.output.empty()) {
    apps::write_npy<double>(path, solving.coefficients(), {static_cast<std::int64_t>(solving.coefficients().size())});
  }
  const std::string text = fmt::format(
      "lasso: objective {:.9g}, at most {:.2g} above the minimum; {} not zero; {}\n", solving.objective().value,
      solving.objective().gap, bosen::counted(solving.objective().nonzeros, "coefficient is", "coefficients are"),
      bosen::counted(solving.updates(), "update"));
  if (options.output.empty()) return text + "lasso: next, keep the coefficients: add --output results\n";
  return text + fmt::format("lasso: wrote {0}\nlasso: next, look: numpy.load('{0}')\n", path);
}

int run(int argc, char** argv) {
  Settings settings;
  bosen::App app("lasso", "The lasso by scheduled coordinate descent");
  declare(app, settings);
  std::string conclusion;
  const int code = app.run(argc, argv, [&](bosen::Cluster& cluster) {
    Solving solving(cluster, settings);
    cluster.run_workers([&](bosen::Worker& worker) { solving.run(worker); });
    if (cluster.rank() == 0) conclusion = conclude(solving, cluster.options());
  });
  if (code == 0) bosen::say(conclusion);
  return code;
}

}  // namespace
}  // namespace lasso

int main(int argc, char** argv) { return lasso::run(argc, argv); }
