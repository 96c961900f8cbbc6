#include "poseidon/layers/staged_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bosen/error.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon {
namespace {

using testing::Each;

/// Batch k is full of k; there is none after the last.
class CountingSource final : public BatchSource {
 public:
  explicit CountingSource(int batches) : batches_(batches), batch_(make_batch(shape_)) {}
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return 3; }
  [[nodiscard]] std::int64_t examples() const override { return 2; }
  const Batch& next() override {
    if (given_ == batches_) throw bosen::Error(bosen::ErrorKind::kData, "a broken record");
    batch_.images.assign(batch_.images.size(), static_cast<float>(given_));
    batch_.labels.assign(batch_.labels.size(), static_cast<float>(given_));
    ++given_;
    return batch_;
  }
  void seek(std::int64_t /*batches*/) override {}
  [[nodiscard]] double waited_s() const override { return 0; }
  [[nodiscard]] int given() const { return given_; }

 private:
  const Shape shape_{2, 1, 3, 3};
  const int batches_;
  int given_ = 0;
  Batch batch_;
};

class StagedBatchesTest : public testing::TestWithParam<bool> {
 protected:
  std::vector<float> values_of(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.count()));
    backend_.download(tensor, values);
    return values;
  }

  const std::unique_ptr<Backend> owner_ = test::make_backend_under_test().backend;
  Backend& backend_ = *owner_;
  Tensor images_ = backend_.make(TensorDescription::row_major({2, 1, 3, 3}));
  Tensor labels_ = backend_.make(TensorDescription::row_major({2}));
};

INSTANTIATE_TEST_SUITE_P(Ahead, StagedBatchesTest, testing::Bool());

TEST_P(StagedBatchesTest, BringsEveryBatchInItsTurn) {
  constexpr int kBatches = 5;
  CountingSource source(kBatches);
  StagedBatches batches(backend_, source, GetParam());
  for (int k = 0; k < kBatches; ++k) {
    batches.next(images_, labels_);
    batches.read_ahead();
    EXPECT_EQ(source.given(), std::min(kBatches, GetParam() ? k + 2 : k + 1));
    EXPECT_THAT(values_of(images_), Each(static_cast<float>(k)));
    EXPECT_THAT(values_of(labels_), Each(static_cast<float>(k)));
  }
  EXPECT_THROW(batches.next(images_, labels_), bosen::Error);
}

}  // namespace
}  // namespace poseidon
