// Sums over time, as batch normalisation keeps them for tests, and what is read of them; sums of many tensors' squares.

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/poseidon/backend/operation_fixture.h"

namespace poseidon::test {
namespace {

using RunningTest = OperationTest;

TEST_F(RunningTest, ASumOverTimeCountsWhatIsOlderLess) {
  const Values first = draw(7), second = draw(7);
  Tensor sum = make(Shape{7}, Values(7)), weight = make(Shape{1}, Values{0}), mean = make(Shape{7}, Values(7));
  const Tensor one = make(Shape{1}, Values{1});
  backend_.read_running(sum, weight, 0.5F, mean);
  EXPECT_EQ(values_of(mean), Values(7, 0.5)) << "nothing was added yet";
  for (const Values& values : {first, second}) {
    const Tensor value = make(Shape{7}, values);
    backend_.add_running(0.75, std::array<RunningSum, 2>{{{&sum, &value, 2}, {&weight, &one, 1}}});
  }
  backend_.read_running(sum, weight, 0.5F, mean);
  Values expected;
  for (std::size_t i = 0; i < 7; ++i) expected.push_back((0.75 * 2 * first[i] + 2 * second[i]) / 1.75);
  expect_near(values_of(mean), expected, 1e-6, "mean");
}

TEST_F(RunningTest, SquaresOfManyUnequalTensorsAreSummedOneByOne) {
  std::vector<Tensor> tensors;
  Values expected;
  for (const std::int64_t count : {1, 3, 40'000, 5, 70'001}) {
    const Values values = draw(count);
    tensors.push_back(make(Shape{count}, values));
    expected.push_back(0);
    for (const double value : values) expected.back() += value * value;
  }
  std::vector<const Tensor*> all;
  for (const Tensor& tensor : tensors) all.push_back(&tensor);
  const std::unique_ptr<SquareSumsOperation> sums = backend_.sums_of_squares(all);
  for (int time = 0; time < 2; ++time) {
    sums->begin();
    const std::span<const double> found = sums->await();
    expect_near({found.begin(), found.end()}, expected, 1e-5, "sums");
  }
}

}  // namespace
}  // namespace poseidon::test
