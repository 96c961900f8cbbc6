#include "apps/lasso/problem.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "apps/lasso/round_correlations.h"
#include "bosen/error.h"
#include "tests/support/error_message.h"

namespace lasso {
namespace {

class ReadProblemTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  Problem read(const std::string& text) const {
    std::ofstream(path_) << text;
    return read_problem(path_);
  }

  std::string problem_of(const std::string& text) const {
    return error_message([&] { read(text); }, path_);
  }

  const std::string path_ = testing::TempDir() + "lasso_" + std::to_string(::getpid()) + ".svm";
};

TEST_F(ReadProblemTest, BecomesColumns) {
  const Problem problem = read("1.5 1:2 3:-1\n# a comment\n-2 3:4\n0 1:0 # none\n");
  EXPECT_EQ(problem.targets, (std::vector<double>{1.5, -2, 0}));
  ASSERT_EQ(problem.columns(), 3U);
  ASSERT_EQ(problem.column(0).size(), 1U);
  EXPECT_EQ(problem.column(0)[0].value, 2);
  EXPECT_TRUE(problem.column(1).empty());
  ASSERT_EQ(problem.column(2).size(), 2U);
  EXPECT_EQ(problem.column(2)[1].example, 1U);
  EXPECT_EQ(problem.squared_norms, (std::vector<double>{4, 0, 17}));
}

TEST_F(ReadProblemTest, TakesAValueBelowTheSmallestFloatForZero) {
  const Problem problem = read("1e-400 1:1e-46 2:1\n");
  EXPECT_EQ(problem.targets, std::vector<double>{0});
  EXPECT_TRUE(problem.column(0).empty());
  EXPECT_EQ(problem.column(1).size(), 1U);
}

TEST_F(ReadProblemTest, SaysWhereItIsWrong) {
  EXPECT_EQ(problem_of("y 1:1\n"), ":1:1: the target 'y' is not a number: a line is TARGET INDEX:VALUE ...");
  EXPECT_EQ(problem_of("1 1:1\n2 0:1\n"), ":2:3: index 0 is out of range: indices are 1 to 268435456");
  EXPECT_EQ(problem_of("1 2:1 2:1\n"), ":1:7: index 2 does not ascend: it follows 2");
  EXPECT_EQ(problem_of("1 2\n"), ":1:3: '2' is not of the form INDEX:VALUE");
  EXPECT_EQ(problem_of("1 2:x\n"), ":1:3: the value of '2:x' is not a number");
  EXPECT_EQ(problem_of("1\n"), ": has no example with a feature: lines are TARGET INDEX:VALUE ...");
}

TEST_F(ReadProblemTest, SaysWhenItsNumbersOverflow) {
  const auto problem_of = [this](const std::string& text) {
    const Problem problem = read(text);
    return error_message([&] { check_magnitude(problem); });
  };
  EXPECT_EQ(problem_of("1e308 1:1e10 2:1\n2 1:2 2:1\n"),
            "the targets are too large to compute with: scale the data, so that they are nearer to 1");
  EXPECT_EQ(problem_of("1e30 1:3e38 2:3e38\n1e30 1:-3e38 2:3e38\n"), "no error");
}

TEST(GeneratorTest, RefusesWhatCannotBe) {
  EXPECT_EQ(parse_generator("10,20,3,4").columns, 20);
  for (const char* text : {"", "1,2,3", "1,2,3,4,5", "0,2,1,1", "a,b,c,d", "5,4,5,1", "5,4,1,5", "1,2,3,",
                           "100000,20000,10001,1", "1,300000000,1,1"}) {
    EXPECT_THROW(parse_generator(text), bosen::Error) << text;
  }
}

TEST(CoordinateTest, IsThatOfTheClosedForm) {
  // For one column alone the minimum is soft(x . y / n, lambda) / (x . x / n).
  EXPECT_DOUBLE_EQ(best_coefficient(0, 0.5, 2, 0.1), 0.2);
  EXPECT_DOUBLE_EQ(best_coefficient(0, -0.5, 2, 0.1), -0.2);
  EXPECT_DOUBLE_EQ(best_coefficient(0.2, 0.1, 2, 0.1), 0.2) << "it is best already";
  EXPECT_EQ(best_coefficient(0.3, -0.65, 2, 0.1), 0);
  EXPECT_EQ(best_coefficient(0, 5, 0, 0.1), 0) << "a column of zeros explains nothing";
}

ColumnSums sums_of(const Problem& problem, std::span<const double> coefficients, std::span<const double> residual) {
  ColumnSums sums;
  for (std::size_t j = 0; j < problem.columns(); ++j) {
    sums.add({.steepest = std::abs(problem.product(j, residual)),
              .norm1 = std::abs(coefficients[j]),
              .nonzeros = coefficients[j] != 0 ? 1 : 0});
  }
  return sums;
}

/// Plain coordinate descent, over and over.
std::vector<double> solve(const Problem& problem, double lambda, std::vector<double>& residual) {
  const auto examples = static_cast<double>(problem.examples());
  std::vector<double> coefficients(problem.columns(), 0.0);
  residual = problem.targets;
  for (int sweep = 0; sweep < 2000; ++sweep) {
    for (std::size_t j = 0; j < problem.columns(); ++j) {
      double correlation = 0;
      for (const Entry& entry : problem.column(j)) correlation += entry.value * residual[entry.example] / examples;
      const double best = best_coefficient(coefficients[j], correlation, problem.squared_norms[j] / examples, lambda);
      for (const Entry& entry : problem.column(j)) residual[entry.example] -= entry.value * (best - coefficients[j]);
      coefficients[j] = best;
    }
  }
  return coefficients;
}

TEST(EvaluateTest, TheGapIsZeroAtTheMinimumAndABoundElsewhere) {
  const Problem problem = generate_problem({40, 25, 6, 4}, 1);
  const double lambda = 0.1 * lambda_max(problem);
  std::vector<double> residual;
  const std::vector<double> best = solve(problem, lambda, residual);
  const Objective minimum = evaluate(problem, sums_of(problem, best, residual), residual, lambda);
  EXPECT_LT(minimum.gap, 1e-12);
  EXPECT_GT(minimum.nonzeros, 0);
  const std::vector<double> none(problem.columns(), 0.0);
  const Objective start = evaluate(problem, sums_of(problem, none, problem.targets), problem.targets, lambda);
  EXPECT_GE(start.gap, start.value - minimum.value);
  EXPECT_EQ(start.nonzeros, 0);
}

TEST(EvaluateTest, NothingIsBestFromTheLargestLambdaOn) {
  const Problem problem = generate_problem({30, 10, 4, 3}, 2);
  const std::vector<double> none(problem.columns(), 0.0);
  EXPECT_LT(evaluate(problem, sums_of(problem, none, problem.targets), problem.targets, lambda_max(problem)).gap,
            1e-12);
  EXPECT_GT(evaluate(problem, sums_of(problem, none, problem.targets), problem.targets, 0.9 * lambda_max(problem)).gap,
            1e-6);
}

TEST(RoundCorrelationsTest, AdmitsWhatIsIndependent) {
  Problem problem;
  // Columns 0 and 1 are alike, 2 shares no example with them, 3 is orthogonal to 0, 4 is empty.
  problem.entries = {{0, 1}, {1, 1}, {0, 2}, {1, 2}, {2, 5}, {0, 1}, {1, -1}};
  problem.column_begins = {0, 2, 4, 5, 7, 7};
  problem.squared_norms = {2, 8, 25, 2, 0};
  problem.targets = {0, 0, 0};
  RoundCorrelations round(problem, 0.1, 5);
  round.begin_round();
  EXPECT_TRUE(round.admit(0));
  EXPECT_FALSE(round.admit(1));
  EXPECT_TRUE(round.admit(2));
  EXPECT_TRUE(round.admit(3));
  EXPECT_TRUE(round.admit(4));
  round.begin_round();
  EXPECT_TRUE(round.admit(1));
  EXPECT_FALSE(round.admit(0));
}

TEST(RoundCorrelationsTest, ColumnsOfOneOwnerDontMatterToEachOther) {
  Problem problem;
  problem.entries = {{0, 1}, {0, 1}, {0, 1}};  // all alike
  problem.column_begins = {0, 1, 2, 3};
  problem.squared_norms = {1, 1, 1};
  problem.targets = {0};
  RoundCorrelations round(problem, 0.1, 2);
  round.begin_round();
  EXPECT_TRUE(round.admit(0));
  EXPECT_TRUE(round.admit(2));
  EXPECT_FALSE(round.admit(1));
}

}  // namespace
}  // namespace lasso
