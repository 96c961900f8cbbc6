#include "poseidon/solver/solver_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bosen/error.h"

namespace poseidon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

SolverSpec parse(const std::string& more) {
  return parse_solver_spec("net: some/net.yaml\nbase_lr: 0.01\nmax_iter: 100\n" + more, "dir/solver.yaml");
}

std::string error_of(const std::string& more) {
  try {
    parse(more);
  } catch (const bosen::Error& error) {
    EXPECT_EQ(error.kind(), bosen::ErrorKind::kConfiguration);
    EXPECT_THAT(error.what(), StartsWith("dir/solver.yaml:"));
    return error.what();
  }
  return "no error";
}

TEST(SolverSpecTest, ReadsCaffesKeys) {
  const SolverSpec spec = parse(
      "type: Nesterov\nmomentum: 0.9\nweight_decay: 0.004\nlr_policy: inv\ngamma: 0.5\npower: 0.75\ndisplay: 7\n"
      "test_iter: 3\ntest_interval: 50\nsnapshot: 10\nsnapshot_prefix: snaps\nrandom_seed: 9\niter_size: 2\n"
      "clip_gradients: 35\naverage_loss: 4\nsolver_mode: GPU\nregularization_type: L2\ntest_initialization: false\n");
  EXPECT_EQ(spec.net, "dir/some/net.yaml");
  EXPECT_EQ(spec.type, "Nesterov");
  EXPECT_EQ(spec.rule.kind, UpdateRule::Kind::kNesterov);
  EXPECT_EQ(spec.rule.momentum, 0.9);
  EXPECT_EQ(spec.rate.kind, LearningRatePolicy::Kind::kInv);
  EXPECT_EQ(spec.rate.base, 0.01);
  EXPECT_EQ(spec.rate.gamma, 0.5);
  EXPECT_EQ(spec.rate.power, 0.75);
  EXPECT_EQ(spec.weight_decay, 0.004);
  EXPECT_EQ(spec.clip_gradients, 35);
  EXPECT_EQ(spec.max_iter, 100);
  EXPECT_EQ(spec.iter_size, 2);
  EXPECT_EQ(spec.display, 7);
  EXPECT_EQ(spec.average_loss, 4);
  EXPECT_EQ(spec.test_iter, 3);
  EXPECT_EQ(spec.test_interval, 50);
  EXPECT_FALSE(spec.test_initialization);
  EXPECT_EQ(spec.snapshot, 10);
  EXPECT_EQ(spec.snapshot_prefix, "snaps");
  EXPECT_TRUE(spec.snapshot_after_train);
  EXPECT_EQ(spec.random_seed, 9U);
}

TEST(SolverSpecTest, ReadsTheKeysOfOtherSolversAndRates) {
  const SolverSpec adam =
      parse("type: Adam\nmomentum: 0.8\nmomentum2: 0.99\ndelta: 0.001\nsnapshot_after_train: false\n");
  EXPECT_EQ(adam.rule.kind, UpdateRule::Kind::kAdam);
  EXPECT_EQ(adam.rule.momentum, 0.8);
  EXPECT_EQ(adam.rule.momentum2, 0.99);
  EXPECT_EQ(adam.rule.epsilon, 0.001);
  EXPECT_FALSE(adam.snapshot_after_train);
  const LearningRatePolicy step =
      parse("lr_policy: step\ngamma: 0.1\nstepsize: 30\nwarmup_iter: 5\nwarmup_start_lr: 0.001\n").rate;
  EXPECT_EQ(step.kind, LearningRatePolicy::Kind::kStep);
  EXPECT_EQ(step.step_size, 30);
  EXPECT_EQ(step.warmup_iterations, 5);
  EXPECT_EQ(step.warmup_start, 0.001);
  const LearningRatePolicy steps = parse("lr_policy: multistep\ngamma: 0.1\nstepvalue: [3, 8]\n").rate;
  EXPECT_EQ(steps.kind, LearningRatePolicy::Kind::kMultistep);
  EXPECT_THAT(steps.step_values, testing::ElementsAre(3, 8));
}

TEST(SolverSpecTest, LeavesOutWhatIsNotAskedFor) {
  const SolverSpec spec = parse("clip_gradients: -1\n");
  EXPECT_EQ(spec.rule.kind, UpdateRule::Kind::kSgd);
  EXPECT_EQ(spec.rule.momentum, 0);
  EXPECT_EQ(spec.clip_gradients, 0);
  EXPECT_EQ(spec.test_interval, 0);
  EXPECT_EQ(spec.snapshot, 0);
  EXPECT_FALSE(spec.random_seed.has_value());
}

TEST(SolverSpecTest, ReadsRulesOfAllTypes) {
  const auto rule = [](const std::string& text) {
    return parse_solver_spec("net: net.yaml\nbase_lr: 1\nmax_iter: 1\n" + text, "solver.yaml").rule;
  };
  EXPECT_EQ(rule("type: RMSProp\n").kind, UpdateRule::Kind::kRmsProp);
  EXPECT_EQ(rule("type: RMSProp\n").momentum, 0.99);
  EXPECT_EQ(rule("type: RMSProp\nrms_decay: 0.9\n").momentum, 0.9);
  EXPECT_EQ(rule("type: AdaDelta\n").kind, UpdateRule::Kind::kAdaDelta);
  EXPECT_EQ(rule("type: AdaDelta\n").momentum, 0.95);
  EXPECT_EQ(rule("").decay, UpdateRule::Decay::kL2);
  EXPECT_EQ(rule("regularization_type: L1\n").decay, UpdateRule::Decay::kL1);
}

TEST(SolverSpecTest, SaysWhereAndWhatIsWrong) {
  EXPECT_THAT(error_of("stepsise: 3\n"), HasSubstr("solver.yaml:4:1"));
  EXPECT_THAT(error_of("stepsise: 3\n"), HasSubstr("stepsize"));
  EXPECT_THAT(error_of("lr_policy: step\ngamma: 0.1\n"), HasSubstr("step needs stepsize as well"));
  EXPECT_THAT(error_of("lr_policy: exp\n"), HasSubstr("solver.yaml:4:12: solver.lr_policy: exp needs gamma as well"));
  EXPECT_THAT(error_of("lr_policy: multistep\ngamma: 0.1\n"), HasSubstr("stepvalue"));
  EXPECT_THAT(error_of("lr_policy: multistep\ngamma: 0.1\nstepvalue: []\n"), HasSubstr("stepvalue"));
  EXPECT_THAT(error_of("lr_policy: multistep\ngamma: 0.1\nstepvalue: [5, 3]\n"), HasSubstr("must grow"));
  EXPECT_THAT(error_of("lr_policy: sigmoidal\n"), HasSubstr("lr_policy"));
  EXPECT_THAT(error_of("type: Adagrad\nmomentum: 0.9\n"), HasSubstr("no momentum"));
  EXPECT_THAT(error_of("type: Adam\nmomentum2: 1\n"), HasSubstr("momentum2"));
  EXPECT_THAT(error_of("momentum: 1.5\n"), HasSubstr("momentum"));
  EXPECT_THAT(error_of("type: RMSProp\nmomentum: 0.9\n"), HasSubstr("RMSProp has no momentum"));
  EXPECT_THAT(error_of("type: RMSProp\nrms_decay: 1\n"), HasSubstr("rms_decay: must be below 1"));
  EXPECT_THAT(error_of("rms_decay: 0.9\n"), HasSubstr("is RMSProp's alone"));
  EXPECT_THAT(error_of("type: AdaDelta\nmomentum: 1\n"), HasSubstr("momentum: must be below 1"));
  EXPECT_THAT(error_of("regularization_type: L3\n"), HasSubstr("regularization_type"));
  EXPECT_THAT(error_of("lr_policy: sigmoid\ngamma: -0.1\n"), HasSubstr("sigmoid needs stepsize as well"));
  EXPECT_THAT(error_of("lr_policy: exp\ngamma: -0.1\n"), HasSubstr("gamma"));
  EXPECT_THAT(error_of("clip_gradients: 0\n"), HasSubstr("clip_gradients"));
  EXPECT_THAT(error_of("warmup_start_lr: 0.1\n"), HasSubstr("warmup_iter"));
  EXPECT_THAT(error_of("iter_size: 0\n"), HasSubstr("iter_size"));
  EXPECT_THAT(error_of("weight_decay: many\n"), HasSubstr("weight_decay"));
}

TEST(SolverSpecTest, RefusesNumbersThatNoFloatHolds) {
  EXPECT_THAT(error_of("weight_decay: 1e39\n"), HasSubstr("weight_decay"));
  EXPECT_THAT(error_of("warmup_iter: 3\nwarmup_start_lr: 1e39\n"), HasSubstr("warmup_start_lr"));
  EXPECT_THAT(error_of("type: AdaGrad\ndelta: 1e-50\n"), HasSubstr("delta"));
  EXPECT_THAT(error_of("average_loss: 1000000000000000\n"), HasSubstr("average_loss"));
  try {
    (void)parse_solver_spec("net: net.yaml\nbase_lr: 1e39\nmax_iter: 1\n", "solver.yaml");
    ADD_FAILURE() << "no error";
  } catch (const bosen::Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(StartsWith("solver.yaml:2:"), HasSubstr("base_lr")));
  }
}

TEST(SolverSpecTest, TakesCaffesKeysThatChangeNoResult) {
  EXPECT_EQ(error_of("snapshot_format: HDF5\ndevice_id: 1\ndebug_info: true\nlayer_wise_reduce: false\n"), "no error");
  EXPECT_EQ(error_of("snapshot_format: BINARYPROTO\nsnapshot_diff: false\ntest_compute_loss: true\n"), "no error");
  EXPECT_THAT(error_of("snapshot_format: TEXT\n"), HasSubstr("snapshot_format"));
  EXPECT_THAT(error_of("snapshot_diff: true\n"), HasSubstr("no gradients"));
}

TEST(SolverSpecTest, NeedsANetARateAndAnEnd) {
  for (const std::string missing : {"net", "base_lr", "max_iter"}) {
    std::string text;
    if (missing != "net") text += "net: net.yaml\n";
    if (missing != "base_lr") text += "base_lr: 1\n";
    if (missing != "max_iter") text += "max_iter: 1\n";
    try {
      (void)parse_solver_spec(text, "solver.yaml");
      ADD_FAILURE() << "no error without " << missing;
    } catch (const bosen::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(missing));
    }
  }
}

TEST(SolverSpecTest, ReadsTheSolversThatComeWithPoseidon) {
  for (const char* name : {"lenet", "cifar10_quick", "alexnet", "vgg19", "googlenet", "resnet-50"}) {
    const std::string folder = std::string(BOSEN_SOURCE_FOLDER) + "/config/";
    const SolverSpec spec = read_solver_spec(folder + "solvers/" + name + ".yaml");
    EXPECT_EQ(spec.net, folder + "nets/" + name + ".yaml");
  }
}

}  // namespace
}  // namespace poseidon
