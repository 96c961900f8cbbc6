// Solver steps against their formulas.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/poseidon/backend/operation_fixture.h"

namespace poseidon::test {
namespace {

class UpdateTest : public OperationTest {
 protected:
  /// formula(gradient, value, history, step) changes value and history by one element's step.
  template <class Formula>
  void check(const UpdateRule& rule, const Formula& formula) {
    constexpr std::int64_t kCount = 50'000;  // several threads have a part
    Values value = draw(kCount);
    std::vector<Values> history(static_cast<std::size_t>(history_count(rule.kind)), Values(kCount, 0.0));
    Tensor w = make(Shape{kCount}, value);
    std::vector<Tensor> histories;
    for (const Values& values : history) histories.push_back(make(Shape{kCount}, values));
    for (std::int64_t iteration = 0; iteration < 5; ++iteration) {
      const Values gradient = draw(kCount);
      const Tensor g = make(Shape{kCount}, gradient);
      const UpdateStep step{.rate = 0.1, .decay = 0.01, .gradient_factor = 0.5, .iteration = iteration};
      const UpdateTarget target{&w, &g, histories, step};
      backend_.update(rule, {&target, 1});
      for (std::size_t i = 0; i < value.size(); ++i) {
        std::vector<double> own;
        for (const Values& values : history) own.push_back(values[i]);
        const double pull = rule.decay == UpdateRule::Decay::kL2 ? value[i] : (value[i] > 0) - (value[i] < 0);
        formula(0.5 * gradient[i] + 0.01 * pull, value[i], own, iteration);
        for (std::size_t k = 0; k < own.size(); ++k) history[k][i] = own[k];
      }
    }
    expect_near(values_of(w), value, 1e-4, "value");
  }
};

TEST_F(UpdateTest, SgdWithMomentum) {
  check({.kind = UpdateRule::Kind::kSgd, .momentum = 0.9}, [](double g, double& w, auto& h, auto) {
    h[0] = 0.9 * h[0] + 0.1 * g;
    w -= h[0];
  });
}

TEST_F(UpdateTest, Nesterov) {
  check({.kind = UpdateRule::Kind::kNesterov, .momentum = 0.9}, [](double g, double& w, auto& h, auto) {
    const double before = h[0];
    h[0] = 0.9 * h[0] + 0.1 * g;
    w -= 1.9 * h[0] - 0.9 * before;
  });
}

TEST_F(UpdateTest, AdaGrad) {
  check({.kind = UpdateRule::Kind::kAdaGrad, .epsilon = 1e-3}, [](double g, double& w, auto& h, auto) {
    h[0] += g * g;
    w -= 0.1 * g / (std::sqrt(h[0]) + 1e-3);
  });
}

TEST_F(UpdateTest, DecayByTheSignPullsAllValuesAlike) {
  check({.kind = UpdateRule::Kind::kSgd, .momentum = 0.9, .decay = UpdateRule::Decay::kL1},
        [](double g, double& w, auto& h, auto) {
          h[0] = 0.9 * h[0] + 0.1 * g;
          w -= h[0];
        });
  Tensor zero = make(Shape{1}, Values{0});
  std::vector<Tensor> history{make(Shape{1}, Values{0})};
  const Tensor none = make(Shape{1}, Values{0});
  const UpdateTarget target{&zero, &none, history, {.rate = 0.1, .decay = 1}};
  backend_.update({.decay = UpdateRule::Decay::kL1}, {&target, 1});
  EXPECT_EQ(values_of(zero).front(), 0);
}

TEST_F(UpdateTest, RmsProp) {
  check({.kind = UpdateRule::Kind::kRmsProp, .momentum = 0.98, .epsilon = 1e-3},
        [](double g, double& w, auto& h, auto) {
          h[0] = 0.98 * h[0] + 0.02 * g * g;
          w -= 0.1 * g / (std::sqrt(h[0]) + 1e-3);
        });
}

TEST_F(UpdateTest, AdaDelta) {
  check({.kind = UpdateRule::Kind::kAdaDelta, .momentum = 0.95, .epsilon = 1e-3},
        [](double g, double& w, auto& h, auto) {
          h[0] = 0.95 * h[0] + 0.05 * g * g;
          const double change = g * std::sqrt((h[1] + 1e-3) / (h[0] + 1e-3));
          h[1] = 0.95 * h[1] + 0.05 * change * change;
          w -= 0.1 * change;
        });
}

TEST_F(UpdateTest, Adam) {
  check({.kind = UpdateRule::Kind::kAdam, .momentum = 0.9, .momentum2 = 0.99, .epsilon = 1e-3},
        [](double g, double& w, auto& h, auto iteration) {
          h[0] = 0.9 * h[0] + 0.1 * g;
          h[1] = 0.99 * h[1] + 0.01 * g * g;
          const double t = double(iteration) + 1;
          w -= 0.1 * std::sqrt(1 - std::pow(0.99, t)) / (1 - std::pow(0.9, t)) * h[0] / (std::sqrt(h[1]) + 1e-3);
        });
}

}  // namespace
}  // namespace poseidon::test
