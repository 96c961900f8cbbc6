// The updaters against their papers' formulas, computed plainly in double precision.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "bosen/base/error.h"
#include "bosen/core/row_store.h"
#include "tests/support/row_blocks.h"

namespace bosen::core {
namespace {

using testing::dense_block;
using testing::dense_shape;
using testing::dense_values;
using ::testing::HasSubstr;

constexpr std::int64_t kWidth = 3;
constexpr RowId kRow = 4;
constexpr Clock kFirstClock = 0;

// Gradients of some size and sign, different in every step.
std::vector<double> gradient(int step) {
  std::vector<double> values;
  for (int i = 0; i < kWidth; ++i) values.push_back(std::sin(step * std::numbers::pi / 7 + i) * (i + 0.5));
  return values;
}

template <class Formula>
void expect_formula(const UpdaterOptions& options, const Formula& formula) {
  for (const auto& [element, tolerance] :
       {std::pair(ElementType::kDouble, 1e-12), std::pair(ElementType::kFloat, 1e-4)}) {
    const UpdaterCatalog catalog;
    BufferPool pool;
    const wire::RowShape shape = dense_shape(element, kWidth);
    RowStore store(pool, shape, catalog.make(options, element, 1));
    Formula plain = formula;
    std::vector<double> expected(kWidth, 0.0);
    for (int step = 0; step < 50; ++step) {
      store.apply(dense_block(pool, shape, {{kRow, gradient(step)}}), kFirstClock);
      plain.step(expected, gradient(step), step);
      const auto values = dense_values(shape, store.row(kRow).data);
      for (std::size_t i = 0; i < kWidth; ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << "step " << step;
    }
  }
}

struct PlainSgd {
  double rate;
  void step(std::vector<double>& w, const std::vector<double>& g, int) const {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= rate * g[i];
  }
};

struct PlainMomentum {
  double rate;
  double momentum;
  std::vector<double> v = std::vector<double>(kWidth, 0.0);
  void step(std::vector<double>& w, const std::vector<double>& g, int) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      v[i] = momentum * v[i] - rate * g[i];
      w[i] += v[i];
    }
  }
};

struct PlainAdagrad {
  double rate;
  double epsilon;
  std::vector<double> h = std::vector<double>(kWidth, 0.0);
  void step(std::vector<double>& w, const std::vector<double>& g, int) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      h[i] += g[i] * g[i];
      w[i] -= rate * g[i] / (std::sqrt(h[i]) + epsilon);
    }
  }
};

// Algorithm 1 of the paper, word for word.
struct PlainAdam {
  double rate;
  double beta1;
  double beta2;
  double epsilon;
  std::vector<double> m = std::vector<double>(kWidth, 0.0);
  std::vector<double> v = std::vector<double>(kWidth, 0.0);
  void step(std::vector<double>& w, const std::vector<double>& g, int step) {
    const double t = step + 1;
    for (std::size_t i = 0; i < w.size(); ++i) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(beta1, t));
      const double v_hat = v[i] / (1 - std::pow(beta2, t));
      w[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
    }
  }
};

TEST(Updaters, SgdSubtractsTheGradient) { expect_formula({.name = "sgd", .learning_rate = 0.1}, PlainSgd{0.1}); }

TEST(Updaters, SgdWithMomentumRemembersItsVelocity) {
  expect_formula({.name = "sgd", .learning_rate = 0.1, .momentum = 0.9}, PlainMomentum{0.1, 0.9});
}

TEST(Updaters, AdagradDividesByTheRootOfAllSquares) {
  expect_formula({.name = "adagrad", .learning_rate = 0.1, .epsilon = 1e-6}, PlainAdagrad{0.1, 1e-6});
}

TEST(Updaters, AdamIsAlgorithmOneOfItsPaper) {
  expect_formula({.name = "adam", .learning_rate = 0.01, .decay1 = 0.8, .decay2 = 0.95, .epsilon = 1e-3},
                 PlainAdam{0.01, 0.8, 0.95, 1e-3});
}

TEST(Updaters, StateBelongsToARowAlone) {
  const UpdaterCatalog catalog;
  BufferPool pool;
  const wire::RowShape shape = dense_shape(ElementType::kDouble, 1);
  RowStore store(pool, shape, catalog.make({.name = "adagrad", .learning_rate = 1, .epsilon = 0}, shape.element, 1));
  store.apply(dense_block(pool, shape, {{1, {2}}}), kFirstClock);
  store.apply(dense_block(pool, shape, {{2, {3}}}), kFirstClock);
  EXPECT_DOUBLE_EQ(dense_values(shape, store.row(2).data)[0], -1);
}

TEST(Updaters, NeverChangeAVersionThatSomebodyLooksAt) {
  const UpdaterCatalog catalog;
  BufferPool pool;
  const wire::RowShape shape = dense_shape(ElementType::kDouble, 1);
  RowStore store(pool, shape, catalog.make({.name = "sgd", .learning_rate = 1}, shape.element, 1));
  store.apply(dense_block(pool, shape, {{1, {2}}}), kFirstClock);
  const BufferRef reader = BufferRef::share(store.row(1).block);
  const std::byte* seen = store.row(1).data;
  store.apply(dense_block(pool, shape, {{1, {2}}}), kFirstClock);
  EXPECT_EQ(dense_values(shape, seen)[0], -2);
  EXPECT_EQ(dense_values(shape, store.row(1).data)[0], -4);
}

TEST(Updaters, ClockSumShowsTheLastClockAlone) {
  const UpdaterCatalog catalog;
  BufferPool pool;
  const wire::RowShape shape = dense_shape(ElementType::kFloat, 2);
  RowStore store(pool, shape, catalog.make({.name = "clock_sum"}, shape.element, 3));
  for (int clock = 1; clock <= 4; ++clock) {
    for (int worker = 1; worker <= 3; ++worker) {
      store.apply(dense_block(pool, shape, {{kRow, {1.0 * clock, 10.0 * worker * clock}}}), clock);
    }
    EXPECT_EQ(dense_values(shape, store.row(kRow).data), (std::vector<double>{3.0 * clock, 60.0 * clock}));
  }
  // However many update it.
  store.apply(dense_block(pool, shape, {{kRow, {7, 8}}}), 5);
  EXPECT_EQ(dense_values(shape, store.row(kRow).data), (std::vector<double>{7, 8}));
}

TEST(UpdaterCatalog, SaysWhatItKnowsWhenAskedForWhatItDoesNot) {
  const UpdaterCatalog catalog;
  EXPECT_EQ(catalog.problem({.name = "add"}, ElementType::kInt32, RowKind::kSparse, Consistency::kEssp), "");
  EXPECT_EQ(catalog.problem({.name = "adam"}, ElementType::kFloat, RowKind::kDense, Consistency::kEssp), "");
  EXPECT_THAT(catalog.problem({.name = "adma"}, ElementType::kFloat, RowKind::kDense, Consistency::kEssp),
              ::testing::AllOf(HasSubstr("'adma'"), HasSubstr("add, adagrad, adam, clock_sum, sgd")));
  EXPECT_THAT(catalog.problem({.name = "adam"}, ElementType::kFloat, RowKind::kSparse, Consistency::kEssp),
              HasSubstr("dense"));
  EXPECT_THAT(catalog.problem({.name = "clock_sum"}, ElementType::kFloat, RowKind::kDense, Consistency::kSsp),
              HasSubstr("needs consistency bsp"));
  EXPECT_EQ(catalog.problem({.name = "clock_sum"}, ElementType::kFloat, RowKind::kDense, Consistency::kBsp), "");
  EXPECT_THAT(catalog.problem({.name = "adam"}, ElementType::kInt64, RowKind::kDense, Consistency::kEssp),
              HasSubstr("type"));
}

class Doubler final : public Updater<double> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }
  void apply(const RowUpdate<double>& row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) row.values[i] = 2 * row.values[i] + row.update[i];
  }
};

TEST(UpdaterCatalog, AppliesWhatAnAppRegistered) {
  UpdaterCatalog catalog;
  catalog.add("double", UpdaterFactory<double>([](const UpdaterOptions&) { return std::make_unique<Doubler>(); }));
  EXPECT_EQ(catalog.problem({.name = "double"}, ElementType::kDouble, RowKind::kDense, Consistency::kEssp), "");
  EXPECT_THAT(catalog.problem({.name = "double"}, ElementType::kFloat, RowKind::kDense, Consistency::kEssp),
              HasSubstr("type"));
  BufferPool pool;
  const wire::RowShape shape = dense_shape(ElementType::kDouble, 1);
  RowStore store(pool, shape, catalog.make({.name = "double"}, shape.element, 1));
  for (int i = 0; i < 3; ++i) store.apply(dense_block(pool, shape, {{1, {1}}}), kFirstClock);
  EXPECT_EQ(dense_values(shape, store.row(1).data)[0], 7);
}

/// Keeps the bits that any update has.
class Union final : public Updater<std::int32_t> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }
  void apply(const RowUpdate<std::int32_t>& row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) row.values[i] |= row.update[i];
  }
};

TEST(UpdaterCatalog, AppliesWhatAnAppRegisteredForWholeNumbers) {
  UpdaterCatalog catalog;
  catalog.add("union", UpdaterFactory<std::int32_t>([](const UpdaterOptions&) { return std::make_unique<Union>(); }));
  EXPECT_EQ(catalog.problem({.name = "union"}, ElementType::kInt32, RowKind::kDense, Consistency::kEssp), "");
  EXPECT_THAT(catalog.problem({.name = "union"}, ElementType::kInt64, RowKind::kDense, Consistency::kEssp),
              HasSubstr("type"));
  BufferPool pool;
  const wire::RowShape shape = dense_shape(ElementType::kInt32, 1);
  RowStore store(pool, shape, catalog.make({.name = "union"}, shape.element, 1));
  for (const double bits : {1, 5, 8}) store.apply(dense_block(pool, shape, {{1, {bits}}}), kFirstClock);
  EXPECT_EQ(dense_values(shape, store.row(1).data)[0], 13);
}

TEST(UpdaterCatalog, RefusesANameThatIsTaken) {
  UpdaterCatalog catalog;
  const UpdaterFactory<double> factory = [](const UpdaterOptions&) { return std::make_unique<Doubler>(); };
  EXPECT_THROW(catalog.add("sgd", factory), Error);
  EXPECT_THROW(catalog.add("add", factory), Error);
}

}  // namespace
}  // namespace bosen::core
