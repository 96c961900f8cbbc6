#include "poseidon/solver/parameter_updater.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/unit/poseidon/solver/solver_fixture.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;
using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinite = std::numeric_limits<float>::infinity();

class ParameterUpdaterTest : public SolverTest {
 protected:
  ParameterUpdater updater(ParameterUpdater::Options options) {
    options.worker = 3;
    options.warn = [this](const std::string& text) { warnings_.push_back(text); };
    return {layers_, backend_, std::move(options)};
  }

  /// One iteration with the gradients that are there, as WaitFreeBackprop makes it.
  void iterate(ParameterUpdater& updater, double gradient_factor = 1) {
    updater.gradients_ready(learned_);
    if (updater.needs_all_gradients()) updater.prepare(learned_, gradient_factor);
    updater.update(learned_, gradient_factor);
    updater.end_iteration();
  }

  static constexpr std::array learned_{0, 2};
  std::vector<std::string> warnings_;
};

TEST_F(ParameterUpdaterTest, StepsAgainstTheGradientByRateAndFactors) {
  ParameterUpdater solver = updater({.rate = {.base = 0.5}, .weight_decay = 0.1});
  parameter(0, 1).rate_factor = 2;
  parameter(0, 1).decay_factor = 0;
  set(parameter(0, 1).value, {1, 1});
  set(parameter(0, 1).gradient, {1, -1});
  set(parameter(2, 0).value, {10, 20});
  set(parameter(2, 0).gradient, {2, 4});
  iterate(solver, 0.5);
  EXPECT_THAT(get(parameter(0, 1).value), ElementsAre(FloatEq(0.5F), FloatEq(1.5F)));
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(10 - 0.5F * 2), FloatEq(20 - 0.5F * 4)));
}

TEST_F(ParameterUpdaterTest, FollowsItsLearningRatePolicy) {
  ParameterUpdater solver =
      updater({.rate = {.kind = LearningRatePolicy::Kind::kStep, .base = 1, .gamma = 0.5, .step_size = 1}});
  set(parameter(2, 0).gradient, {1, 0});
  for (int i = 0; i < 3; ++i) iterate(solver);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(-1.75F), 0));
  EXPECT_EQ(solver.iteration(), 3);
}

TEST_F(ParameterUpdaterTest, RemembersMomentumPerParameter) {
  ParameterUpdater solver = updater({.rule = {.momentum = 0.5}, .rate = {.base = 1}});
  set(parameter(2, 0).gradient, {1, 2});
  iterate(solver);
  set(parameter(2, 0).gradient, {0, 0});
  iterate(solver);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(-1.5F), FloatEq(-3)));
  std::vector<std::string> names;
  for (const NamedTensor& tensor : solver.history()) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("ip1.weight.history0", "ip1.bias.history0", "ip2.weight.history0"));
  EXPECT_THAT(get(*solver.history()[2].tensor), ElementsAre(FloatEq(0.5F), FloatEq(1)));
}

TEST_F(ParameterUpdaterTest, ClipsByTheGlobalNorm) {
  ParameterUpdater solver = updater({.rate = {.base = 1}, .clip_gradients = 1});
  EXPECT_TRUE(solver.needs_all_gradients());
  set(parameter(0, 1).gradient, {6, 0});
  set(parameter(2, 0).gradient, {0, 8});
  iterate(solver, 0.5);  // norm 10 * 0.5: every gradient is scaled by 1/5
  EXPECT_THAT(get(parameter(0, 1).value), ElementsAre(FloatNear(-0.6F, 1e-6F), 0));
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(0, FloatNear(-0.8F, 1e-6F)));
}

TEST_F(ParameterUpdaterTest, LeavesSmallGradientsUnclipped) {
  ParameterUpdater solver = updater({.rate = {.base = 1}, .clip_gradients = 10.5});
  set(parameter(0, 1).gradient, {6, 0});
  set(parameter(2, 0).gradient, {0, 8});
  iterate(solver);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(0, FloatEq(-8)));
}

TEST_F(ParameterUpdaterTest, AveragesTheBatchesOfOneUpdate) {
  ParameterUpdater solver = updater({.rate = {.base = 1}, .iter_size = 2});
  for (const float i : {1.0F, 2.0F}) {  // the second round shows that sums begin anew
    set(parameter(2, 0).gradient, {1, 2});
    solver.accumulate();
    set(parameter(2, 0).gradient, {3, 4});
    iterate(solver);
    EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(-2 * i), FloatEq(-3 * i)));
  }
}

TEST_F(ParameterUpdaterTest, StopsAtAGradientThatIsNotFiniteAndNamesThePlace) {
  for (const float bad : {kNan, kInfinite}) {
    ParameterUpdater solver = updater({.rate = {.base = 1}});
    solver.set_iteration(37);
    set(parameter(2, 0).gradient, {1, bad});
    const std::string error = error_of([&] { iterate(solver); }, bosen::ErrorKind::kUsage);
    EXPECT_THAT(error, HasSubstr("worker 3, clock 37, layer 'ip2': the gradient of 'weight' is not finite"));
    EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(0, 0));
  }
}

TEST_F(ParameterUpdaterTest, StopsAtAFactorThatIsNotFiniteAndNamesThePlace) {
  for (const float bad : {kNan, kInfinite, -kInfinite}) {
    ParameterUpdater solver = updater({.rate = {.base = 1}});
    solver.set_iteration(37);
    const std::vector<float> factors{1, bad, 2};
    const std::string error = error_of([&] { solver.check_factors(2, factors); }, bosen::ErrorKind::kUsage);
    EXPECT_THAT(error, HasSubstr("worker 3, clock 37, layer 'ip2': a factor of its gradient is not finite"));
  }
  updater({.rate = {.base = 1}}).check_factors(2, std::vector<float>{0, -3e38F, 1e-40F});
}

TEST_F(ParameterUpdaterTest, TakesLargeGradientsForWhatTheyAre) {
  ParameterUpdater solver = updater({.rate = {.base = 1e-30}});
  set(parameter(2, 0).gradient, {1e30F, -1e30F});
  iterate(solver);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(-1), FloatEq(1)));
}

TEST_F(ParameterUpdaterTest, SkipsTheWholeIterationWhereOneGradientIsNotFinite) {
  ParameterUpdater solver =
      updater({.rule = {.momentum = 0.9}, .rate = {.base = 1}, .on_nonfinite = NonfinitePolicy::kSkip});
  set(parameter(0, 1).gradient, {1, 1});
  set(parameter(2, 0).gradient, {kNan, 1});
  iterate(solver);
  EXPECT_THAT(get(parameter(0, 1).value), ElementsAre(0, 0));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("worker 3, clock 0, layer 'ip2'")));
  EXPECT_EQ(solver.skipped(), 1);
  set(parameter(2, 0).gradient, {1, 1});
  iterate(solver);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(FloatEq(-1), FloatEq(-1)));
  EXPECT_EQ(solver.iteration(), 2);
}

TEST_F(ParameterUpdaterTest, ClipsElementsThatAreNotFiniteToZero) {
  for (const double norm : {0.0, 100.0}) {
    set(parameter(2, 0).value, {0, 0});
    ParameterUpdater solver =
        updater({.rate = {.base = 1}, .clip_gradients = norm, .on_nonfinite = NonfinitePolicy::kClip});
    set(parameter(2, 0).gradient, {-kInfinite, 2});
    iterate(solver);
    EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(0, FloatEq(-2)));
  }
  EXPECT_EQ(warnings_.size(), 2U);
}

}  // namespace
}  // namespace poseidon
