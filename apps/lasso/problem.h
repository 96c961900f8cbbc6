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
  std::vector<double> targets;             ///< by example

  [[nodiscard]] std::size_t examples() const { return targets.size(); }
  [[nodiscard]] std::size_t columns() const { return squared_norms.size(); }
  [[nodiscard]] std::span<const Entry> column(std::size_t number) const {
    return std::span(entries).subspan(column_begins[number], column_begins[number + 1] - column_begins[number]);
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

/// A column's priority while all coefficients are zero: the root mean square of what its best coefficient would change
/// in the residual.
double start_priority(const Problem& problem, std::size_t column, double lambda);

/// Throws bosen::Error(kData) where the numbers are so large that what is computed from them overflows.
void check_magnitude(const Problem& problem, double lambda);

struct Objective {
  double value = 0;
  double gap = 0;  ///< at most so much above the minimum
  std::int64_t nonzeros = 0;
};

/// The objective, and by how much it may be above the minimum: the duality gap of the residual scaled into the dual's
/// constraints (Kim, Koh, Lustig, Boyd and Gorinevsky, An interior-point method for large-scale l1-regularized least
/// squares, 2007, section III).
Objective evaluate(const Problem& problem, std::span<const double> coefficients, std::span<const double> residual,
                   double lambda);

}  // namespace lasso
