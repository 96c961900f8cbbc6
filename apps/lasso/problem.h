#pragma once

// The lasso: minimise |y - X b|^2 / (2 n) + lambda |b|_1 over b, as scikit-learn states it, without an intercept.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lasso {

/// An element of a column: an example and the feature's value in it.
struct Entry {
  std::uint32_t example = 0;
  float value = 0;
};

/// Examples as columns of what is not zero, and what shall be explained.
struct Problem {
  std::vector<Entry> entries;              ///< column after column, by example
  std::vector<std::size_t> column_begins;  ///< in `entries`, and the end of the last
  std::vector<double> squared_norms;       ///< by column
  std::vector<double> target_products;     ///< by column: with the targets
  std::vector<double> targets;             ///< by example

  [[nodiscard]] std::size_t examples() const { return targets.size(); }
  [[nodiscard]] std::size_t columns() const { return squared_norms.size(); }
  [[nodiscard]] std::span<const Entry> column(std::size_t number) const {
    return std::span(entries).subspan(column_begins[number], column_begins[number + 1] - column_begins[number]);
  }
  /// x_j . `values`, which are by example.
  [[nodiscard]] double product(std::size_t number, std::span<const double> values) const {
    double sum = 0;
    for (const Entry& entry : column(number)) sum += entry.value * values[entry.example];
    return sum;
  }
};

/// Reads libsvm's format: TARGET INDEX:VALUE ..., indices from 1 and ascending. Throws bosen::Error(kData) with the
/// place.
Problem read_problem(const std::string& path);

/// What --generate asks for.
struct GeneratorOptions {
  std::int64_t examples = 0;
  std::int64_t columns = 0;
  std::int64_t entries_per_example = 0;
  std::int64_t true_columns = 0;  ///< that have to do with the target
};

/// "ROWS,COLUMNS,ENTRIES,TRUE". Throws bosen::Error(kUsage) with the reason alone.
GeneratorOptions parse_generator(const std::string& text);
/// Entries and true coefficients are normally distributed, and so is noise of a tenth of the targets' deviation.
Problem generate_problem(const GeneratorOptions& options, std::uint64_t seed);

/// The smallest lambda for which all coefficients are zero: max |x_j . y| / n.
double lambda_max(const Problem& problem);

/// The best value for one coefficient, where `correlation` = x_j . residual / n, the others staying as they are.
double best_coefficient(double coefficient, double correlation, double squared_norm_per_example, double lambda);

/// A column's priority before its coefficient changes: the root mean square of what its best value would change in the
/// residual, and a little for one that is not zero, as it may have to move again when others do.
double priority(double coefficient, double best, double squared_norm_per_example);

/// The same while all coefficients are zero.
double start_priority(const Problem& problem, std::size_t column, double lambda);

/// Throws bosen::Error(kData) where the numbers are so large that what is computed from them overflows.
void check_magnitude(const Problem& problem);

struct Objective {
  double value = 0;
  double gap = 0;  ///< at most so much above the minimum
  std::int64_t nonzeros = 0;
};

/// What columns add to the objective. Sums of all workers' columns are of all columns.
struct ColumnSums {
  double steepest = 0;  ///< the largest |x_j . residual|
  double norm1 = 0;     ///< of the coefficients
  std::int64_t nonzeros = 0;

  void add(const ColumnSums& other);
};

/// The objective, and by how much it may be above the minimum: the duality gap of the residual scaled into the dual's
/// constraints (Kim, Koh, Lustig, Boyd and Gorinevsky, An interior-point method for large-scale l1-regularized least
/// squares, 2007, section III).
Objective evaluate(const Problem& problem, const ColumnSums& columns, std::span<const double> residual, double lambda);

}  // namespace lasso
