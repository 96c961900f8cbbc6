#include "poseidon/backend/cuda/recorded_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cuda/cuda_backend.h"
#include "poseidon/backend/cuda/operations.h"
#include "poseidon/net.h"
#include "tests/support/poseidon_net.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon::cuda {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointwise;

class RecordedWorkTest : public testing::Test {
 protected:
  RecordedWorkTest() { fill(device_, one_, 1); }

  [[nodiscard]] std::array<float, 4> sum() {
    std::array<float, 4> numbers{};
    device_.copy_to_host(Lane::kCompute, numbers.data(), sum_.data(), sizeof numbers);
    device_.synchronize();
    return numbers;
  }

  /// Adds one to the sum, and counts how often it was asked to.
  void add() {
    ++asked_;
    add_scaled(device_, 1, one_, sum_);
  }
  [[nodiscard]] RecordedWork work(std::function<void()> ask) {
    return {device_, std::move(ask), [this](const std::string& text) { told_.push_back(text); }};
  }

  test::BackendUnderTest skips_where_there_is_no_device_ = test::make_backend_under_test();
  Device device_{DeviceOptions{}};
  Tensor one_ = make_tensor(device_, TensorDescription::row_major({4}));
  Tensor sum_ = make_tensor(device_, TensorDescription::row_major({4}));
  int asked_ = 0;
  std::vector<std::string> told_;
};

TEST_F(RecordedWorkTest, IsAskedForUntilItIsKeptAndDoneEachTime) {
  RecordedWork work = this->work([this] { add(); });
  for (int run = 0; run < 10; ++run) work.run();
  EXPECT_EQ(asked_, 3);  // twice to be done, once to be kept
  EXPECT_THAT(sum(), Each(10));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(RecordedWorkTest, IsKeptAgainWhenScratchMemoryMoves) {
  constexpr std::size_t kBytes = 4 * sizeof(float);
  RecordedWork work = this->work([this] {
    add();
    void* const there = device_.scratch(kBytes);
    device_.copy(there, sum_.data(), kBytes);
    device_.clear(sum_.data(), kBytes);
    device_.copy(sum_.data(), there, kBytes);
  });
  for (int run = 0; run < 5; ++run) work.run();
  EXPECT_EQ(asked_, 3);
  static_cast<void>(device_.scratch(std::size_t{1} << 20));
  for (int run = 0; run < 5; ++run) work.run();
  EXPECT_EQ(asked_, 4);
  EXPECT_THAT(sum(), Each(10));
}

TEST_F(RecordedWorkTest, IsAskedForEachTimeWhereItCannotBeKept) {
  RecordedWork work = this->work([this] {
    const DeviceMemory taken(device_, 64);
    add();
  });
  for (int run = 0; run < 6; ++run) work.run();
  EXPECT_EQ(asked_, 6);
  EXPECT_THAT(sum(), Each(6));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("kernel by kernel")));
}

TEST_F(RecordedWorkTest, ThrowsWhatIsWrongWithTheWorkItself) {
  bool broken = false;
  RecordedWork work = this->work([&] {
    if (broken) throw bosen::Error(bosen::ErrorKind::kData, "a broken record");
    add();
  });
  for (int run = 0; run < 2; ++run) work.run();
  broken = true;
  EXPECT_THROW(work.run(), bosen::Error);
  broken = false;
  work.run();
  EXPECT_THAT(sum(), Each(3));
}

constexpr const char* kNet = R"(
name: Masked
layer:
  - {name: data, type: Data, top: [data, label], data_param: {batch_size: 4, shape: [3, 9, 9], classes: 5}}
  - {name: conv1, type: Convolution, bottom: data, top: conv1, convolution_param: {num_output: 8, kernel_size: 3, weight_filler: {type: xavier}}}
  - {name: bn1, type: BatchNorm, bottom: conv1, top: conv1}
  - {name: scale1, type: Scale, bottom: conv1, top: conv1, scale_param: {bias_term: true}}
  - {name: relu1, type: ReLU, bottom: conv1, top: conv1}
  - {name: pool1, type: Pooling, bottom: conv1, top: pool1, pooling_param: {pool: MAX, kernel_size: 3, stride: 2}}
  - {name: ip1, type: InnerProduct, bottom: pool1, top: ip1, inner_product_param: {num_output: 24, weight_filler: {type: xavier}}}
  - {name: drop1, type: Dropout, bottom: ip1, top: ip1}
  - {name: ip2, type: InnerProduct, bottom: ip1, top: ip2, inner_product_param: {num_output: 5, weight_filler: {type: xavier}}}
  - {name: loss, type: SoftmaxWithLoss, bottom: [ip2, label], top: loss}
)";

/// Looks on, so that every layer is asked for by itself.
class Onlooker final : public NetObserver {
 public:
  void before_forward(int /*layer*/) override {}
  void after_forward(int /*layer*/) override {}
  void before_backward(int /*layer*/) override {}
  void after_backward(int /*layer*/) override {}
};

/// Losses and gradients of some iterations, one after another.
std::vector<float> course(Backend& backend, NetObserver* observer) {
  FixedSource source({4, 3, 9, 9}, 5);
  Net net(parse_net_spec(std::string(kNet), "net.yaml"), {.phase = Phase::kTrain}, backend, &source);
  std::vector<float> numbers;
  for (int iteration = 0; iteration < 6; ++iteration) {
    numbers.push_back(static_cast<float>(net.forward(observer)));
    net.backward(observer);
    for (const std::unique_ptr<Layer>& layer : net.layers()) {
      for (const Parameter& parameter : layer->parameters()) {
        if (parameter.gradient.empty()) continue;
        const std::size_t first = numbers.size();
        numbers.resize(first + static_cast<std::size_t>(parameter.shape.count()));
        backend.download(parameter.gradient, std::span(numbers).subspan(first));
      }
    }
  }
  return numbers;
}

TEST_F(RecordedWorkTest, ANetsPassesAreKeptAndMasksStillChange) {
  CudaBackend backend({.plan_folder = {}, .tell = [this](const std::string& text) { told_.push_back(text); }});
  Onlooker onlooker;
  const std::vector<float> plain = course(backend, &onlooker);
  // cuDNN's fastest ways may add in another order each time.
  constexpr float kRounding = 1e-4F;
  EXPECT_THAT(course(backend, nullptr), Pointwise(FloatNear(kRounding), plain));
  EXPECT_THAT(told_, IsEmpty());
  const std::size_t size = plain.size() / 6;
  EXPECT_NE(plain[2 * size], plain[3 * size]) << "no mask has changed";
}

}  // namespace
}  // namespace poseidon::cuda
