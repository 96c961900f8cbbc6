// Labels that no score stands for: a device finds them while it computes, and the net that looks at its losses reports
// them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/net.h"
#include "tests/support/poseidon_net.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon::test {
namespace {

using testing::HasSubstr;

constexpr int kClasses = 3;

std::string scores(const std::string& name) {
  return "name: " + name + ", type: InnerProduct, bottom: data, top: " + name +
         ", inner_product_param: {num_output: " + std::to_string(kClasses) + ", weight_filler: {type: xavier}}";
}

std::string loss(const std::string& name, const std::string& weight) {
  return "name: " + name + "_loss, type: SoftmaxWithLoss, bottom: [" + name + ", label], top: " + name +
         "_loss, loss_weight: " + weight;
}

class BadLabelTest : public testing::Test {
 protected:
  /// What one of some forwards says to a label that is too large, after others that had none.
  std::string error_of(Phase phase, const std::vector<std::string>& layers, Backend& backend) {
    FixedSource source({2, 1, 2, 2}, kClasses);
    Net net(net_of(layers), {.phase = phase}, backend, &source);
    for (int i = 0; i < 4; ++i) net.forward();  // later ones are repeated as a whole
    source.batch.labels[1] = 7;
    try {
      for (int i = 0; i < 2; ++i) net.forward();  // the first one's batch was read before
    } catch (const bosen::Error& error) {
      return error.kind() == bosen::ErrorKind::kData ? error.what() : "an error of another kind";
    }
    return "no error";
  }

  void expect_error(const std::vector<std::string>& layers) {
    for (const Phase phase : {Phase::kTrain, Phase::kTest}) {
      CpuBackend cpu(1);
      EXPECT_THAT(error_of(phase, layers, cpu), HasSubstr("label 7 is out of range"));
      EXPECT_THAT(error_of(phase, layers, *under_test_.backend), HasSubstr("label 7 is out of range"));
    }
  }

  const BackendUnderTest under_test_ = make_backend_under_test();
};

TEST_F(BadLabelTest, IsReportedOfALoss) { expect_error({scores("ip"), loss("ip", "1")}); }

TEST_F(BadLabelTest, IsReportedOfALossThatWeighsNothing) { expect_error({scores("ip"), loss("ip", "0")}); }

TEST_F(BadLabelTest, IsReportedOfALossThatWeighsNothingBesideOneThatIgnoresTheLabel) {
  expect_error(
      {scores("ip"), loss("ip", "1") + ", loss_param: {ignore_label: 7}", scores("watched"), loss("watched", "0")});
}

}  // namespace
}  // namespace poseidon::test
