// A net with every kind of layer that a GPU changes in some way (folded ReLUs, folded strides, packs of channels), on
// the backend under test and on the CPU's: loss and gradients are the same.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/net.h"
#include "tests/support/poseidon_net.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon::test {
namespace {

constexpr const char* kNet = R"(
name: Mixed
layer:
  - {name: data, type: Data, top: [data, label], data_param: {batch_size: 4, shape: [3, 23, 23], classes: 5}}
  - {name: conv1, type: Convolution, bottom: data, top: conv1, convolution_param: {num_output: 16, kernel_size: 5, stride: 2, pad: 1, weight_filler: {type: xavier}, bias_filler: {type: constant, value: 0.1}}}
  - {name: relu1, type: ReLU, bottom: conv1, top: conv1}
  - {name: norm1, type: LRN, bottom: conv1, top: norm1, lrn_param: {local_size: 5, alpha: 0.5, beta: 0.75}}
  - {name: pool1, type: Pooling, bottom: norm1, top: pool1, pooling_param: {pool: MAX, kernel_size: 3, stride: 2}}
  - {name: left, type: Convolution, bottom: pool1, top: left, convolution_param: {num_output: 16, kernel_size: 3, pad: 1, bias_term: false, weight_filler: {type: msra}}}
  - {name: left_bn, type: BatchNorm, bottom: left, top: left, batch_norm_param: {moving_average_fraction: 0.9, eps: 0.001}}
  - {name: left_scale, type: Scale, bottom: left, top: left, scale_param: {bias_term: true}}
  - {name: left_relu, type: ReLU, bottom: left, top: left}
  - {name: right, type: Convolution, bottom: pool1, top: right, convolution_param: {num_output: 16, kernel_size: 1, weight_filler: {type: msra}}}
  - {name: sum, type: Eltwise, bottom: [left, right], top: sum, eltwise_param: {operation: SUM}}
  - {name: sum_relu, type: ReLU, bottom: sum, top: sum}
  - {name: narrow, type: Convolution, bottom: sum, top: narrow, convolution_param: {num_output: 6, kernel_size: 1, weight_filler: {type: msra}}}
  - {name: narrow_relu, type: ReLU, bottom: narrow, top: narrow}
  - {name: joined, type: Concat, bottom: [sum, narrow], top: joined}
  - {name: pool2, type: Pooling, bottom: joined, top: pool2, pooling_param: {pool: AVE, kernel_size: 2, stride: 2}}
  - {name: ip1, type: InnerProduct, bottom: pool2, top: ip1, inner_product_param: {num_output: 24, weight_filler: {type: xavier}}}
  - {name: relu_ip1, type: ReLU, bottom: ip1, top: ip1}
  - {name: ip2, type: InnerProduct, bottom: ip1, top: ip2, inner_product_param: {num_output: 5, weight_filler: {type: xavier}}}
  - {name: loss, type: SoftmaxWithLoss, bottom: [ip2, label], top: loss}
)";

struct Pass {
  double loss = 0;
  std::vector<std::string> names;
  std::vector<std::vector<float>> gradients;
};

Pass pass_on(Backend& backend) {
  FixedSource source({4, 3, 23, 23}, 5);
  Net net(parse_net_spec(std::string(kNet), "net.yaml"), {.phase = Phase::kTrain}, backend, &source);
  Pass pass;
  for (int i = 0; i < 4; ++i) {  // later ones find their plans, memory that was used, and recordings
    pass = Pass();
    pass.loss = net.forward();
    net.backward();
    for (const std::unique_ptr<Layer>& layer : net.layers()) {
      for (const Parameter& parameter : layer->parameters()) {
        if (parameter.gradient.empty()) continue;
        pass.names.push_back(layer->name() + "." + parameter.name);
        std::vector<float>& gradient = pass.gradients.emplace_back(static_cast<std::size_t>(parameter.shape.count()));
        backend.download(parameter.gradient, gradient);
      }
    }
  }
  return pass;
}

double norm_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum);
}

TEST(NetAgainstCpu, HasTheSameLossAndGradients) {
  const BackendUnderTest under_test = make_backend_under_test();
  CpuBackend cpu(1);
  const Pass ours = pass_on(*under_test.backend);
  const Pass theirs = pass_on(cpu);
  // Rounding turns a few maxima and signs, whose gradients then go elsewhere.
  const double tolerance = std::max(1e-4, 15 * under_test.tolerance);
  EXPECT_NEAR(ours.loss, theirs.loss, tolerance);
  ASSERT_EQ(ours.names, theirs.names);
  for (std::size_t i = 0; i < ours.names.size(); ++i) {
    std::vector<float> difference = ours.gradients[i];
    for (std::size_t k = 0; k < difference.size(); ++k) difference[k] -= theirs.gradients[i][k];
    EXPECT_LE(norm_of(difference), tolerance * (norm_of(theirs.gradients[i]) + 1e-3)) << ours.names[i];
  }
}

}  // namespace
}  // namespace poseidon::test
