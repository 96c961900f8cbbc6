#include "apps/lasso/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/common/input_file.h"
#include "apps/common/libsvm.h"
#include "apps/common/number.h"
#include "bosen/error.h"
#include "bosen/random.h"

namespace lasso {
namespace {

constexpr std::uint64_t kEntryStream = 21;
constexpr std::uint64_t kTruthStream = 22;
constexpr std::uint64_t kNoiseStream = 23;
constexpr double kNoise = 0.1;
constexpr double kActiveShare = 0.02;
constexpr std::uint32_t kColumnsMax = std::uint32_t{1} << 28;
constexpr std::int64_t kGeneratedMax = 1'000'000'000;

/// An entry of which the column is still to be sorted out.
struct Triple {
  std::uint32_t column = 0;
  Entry entry;
};

/// Entries in the order of examples become columns.
Problem by_columns(const std::vector<Triple>& triples, std::size_t columns, std::vector<double> targets) {
  Problem problem;
  problem.targets = std::move(targets);
  problem.column_begins.assign(columns + 1, 0);
  for (const Triple& triple : triples) ++problem.column_begins[triple.column + 1];
  for (std::size_t j = 0; j < columns; ++j) problem.column_begins[j + 1] += problem.column_begins[j];
  problem.entries.resize(triples.size());
  std::vector<std::size_t> next(problem.column_begins.begin(), problem.column_begins.end() - 1);
  for (const Triple& triple : triples) {
    problem.entries[next[triple.column]++] = triple.entry;
  }
  problem.squared_norms.resize(columns);
  problem.target_products.resize(columns);
  for (std::size_t j = 0; j < columns; ++j) {
    for (const Entry& entry : problem.column(j)) problem.squared_norms[j] += double{entry.value} * entry.value;
    problem.target_products[j] = problem.product(j, problem.targets);
  }
  return problem;
}

}  // namespace

Problem read_problem(const std::string& path) {
  const std::string text = apps::read_text(path);
  std::vector<Triple> triples;
  std::vector<double> targets;
  std::uint32_t columns = 0;
  apps::LibsvmReader reader(path, text, kColumnsMax);
  while (reader.next()) {
    double target = 0;
    if (!apps::parse_number(reader.label(), target) || !std::isfinite(target)) {
      reader.line().refuse(fmt::format("the target '{}' is not a number: a line is TARGET INDEX:VALUE ...",
                                       apps::shown(reader.label())));
    }
    while (const auto feature = reader.feature()) {
      columns = std::max(columns, feature->column + 1);
      if (feature->value == 0) continue;
      const auto example = static_cast<std::uint32_t>(targets.size());
      triples.push_back({.column = feature->column, .entry = {.example = example, .value = feature->value}});
    }
    targets.push_back(target);
  }
  if (triples.empty()) apps::refuse_file(path, "has no example with a feature: lines are TARGET INDEX:VALUE ...");
  return by_columns(triples, columns, std::move(targets));
}

GeneratorOptions parse_generator(const std::string& text) {
  std::array<std::int64_t, 4> numbers{};
  std::string_view rest = text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const bool last = i + 1 == numbers.size();
    if (!apps::parse_number(rest.substr(0, comma), numbers[i]) || numbers[i] < 1 || numbers[i] > kGeneratedMax ||
        last != (comma == rest.size())) {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         fmt::format("'{}' is not ROWS,COLUMNS,ENTRIES,TRUE: four whole numbers from 1, as in "
                                     "1000,5000,50,100",
                                     text));
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  const GeneratorOptions options{numbers[0], numbers[1], numbers[2], numbers[3]};
  if (options.columns > std::int64_t{kColumnsMax} || options.examples > kGeneratedMax / options.entries_per_example) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("'{}' is too large: at most {} columns, and {} entries of all rows together", text,
                                   kColumnsMax, kGeneratedMax));
  }
  if (options.entries_per_example > options.columns || options.true_columns > options.columns) {
    throw bosen::Error(
        bosen::ErrorKind::kUsage,
        fmt::format("'{}': neither ENTRIES, those of a row, nor TRUE, columns that matter, can be more than the {} "
                    "COLUMNS",
                    text, options.columns));
  }
  return options;
}

Problem generate_problem(const GeneratorOptions& options, std::uint64_t seed) {
  const auto columns = static_cast<std::size_t>(options.columns);
  std::vector<double> truth(columns, 0.0);
  bosen::Random truth_random(seed, kTruthStream);
  for (std::int64_t i = 0; i < options.true_columns; ++i) truth[truth_random.below(columns)] = truth_random.normal();
  std::vector<Triple> triples;
  std::vector<double> targets(static_cast<std::size_t>(options.examples), 0.0);
  std::vector<std::size_t> met(columns, 0);  // by the number of the example plus one
  for (std::size_t example = 0; example < targets.size(); ++example) {
    bosen::Random random(seed, kEntryStream, example);
    for (std::int64_t entry = 0; entry < options.entries_per_example;) {
      const auto column = random.below(columns);
      if (met[column] == example + 1) continue;
      met[column] = example + 1;
      const auto value = static_cast<float>(random.normal());
      triples.push_back({static_cast<std::uint32_t>(column), {static_cast<std::uint32_t>(example), value}});
      targets[example] += double{value} * truth[column];
      ++entry;
    }
  }
  double squares = 0;
  for (const double target : targets) squares += target * target;
  const double noise = kNoise * std::sqrt(squares / static_cast<double>(targets.size()));
  bosen::Random noise_random(seed, kNoiseStream);
  for (double& target : targets) target += noise * noise_random.normal();
  return by_columns(triples, columns, std::move(targets));
}

double lambda_max(const Problem& problem) {
  double most = 0;
  for (const double product : problem.target_products) most = std::max(most, std::abs(product));
  return most / static_cast<double>(problem.examples());
}

double best_coefficient(double coefficient, double correlation, double squared_norm_per_example, double lambda) {
  if (squared_norm_per_example <= 0) return 0;
  const double pulled = coefficient * squared_norm_per_example + correlation;
  if (std::abs(pulled) <= lambda) return 0;
  return (pulled > 0 ? pulled - lambda : pulled + lambda) / squared_norm_per_example;
}

double priority(double coefficient, double best, double squared_norm_per_example) {
  return std::sqrt(squared_norm_per_example) * (std::abs(best - coefficient) + kActiveShare * std::abs(best));
}

double start_priority(const Problem& problem, std::size_t column, double lambda) {
  const auto examples = static_cast<double>(problem.examples());
  const double norm = problem.squared_norms[column] / examples;
  return priority(0, best_coefficient(0, problem.target_products[column] / examples, norm, lambda), norm);
}

void check_magnitude(const Problem& problem) {
  double squares = 0;
  for (const double target : problem.targets) squares += target * target;
  if (std::isfinite(squares)) return;
  throw bosen::Error(bosen::ErrorKind::kData,
                     "the targets are too large to compute with: scale the data, so that they are nearer to 1");
}

void ColumnSums::add(const ColumnSums& other) {
  steepest = std::max(steepest, other.steepest);
  norm1 += other.norm1;
  nonzeros += other.nonzeros;
}

Objective evaluate(const Problem& problem, const ColumnSums& columns, std::span<const double> residual, double lambda) {
  const auto examples = static_cast<double>(problem.examples());
  double squares = 0;
  double product = 0;  // residual . y
  for (std::size_t i = 0; i < residual.size(); ++i) {
    squares += residual[i] * residual[i];
    product += residual[i] * problem.targets[i];
  }
  Objective objective{.value = squares / (2 * examples) + lambda * columns.norm1, .nonzeros = columns.nonzeros};
  // The dual is (|y|^2 - |y - v|^2) / (2 n) = (2 v . y - v . v) / (2 n) for v with |X^T v| <= lambda n.
  const double scale = columns.steepest > 0 ? std::min(1.0, lambda * examples / columns.steepest) : 1;
  const double dual = (2 * scale * product - scale * scale * squares) / (2 * examples);
  objective.gap = std::max(0.0, objective.value - dual);
  return objective;
}

}  // namespace lasso
