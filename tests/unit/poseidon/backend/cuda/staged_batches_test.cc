#include "poseidon/layers/staged_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "bosen/error.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon {
namespace {

using testing::Each;
using testing::ElementsAre;

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

/// Two images of bytes, the second one mirrored.
class PixelSource final : public BatchSource {
 public:
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return 3; }
  [[nodiscard]] std::int64_t examples() const override { return 2; }
  const PixelTransform* give_pixels() override { return &transform_; }
  const Batch& next() override {
    batch_.pixels.resize(18);
    for (unsigned i = 0; i < 18; ++i) batch_.pixels[i] = static_cast<std::uint8_t>(i * i % 97);
    batch_.parts = {{.top = 0, .left = 1, .mirrored = 0}, {.top = 1, .left = 0, .mirrored = 1}};
    batch_.labels = {0, 1};
    return batch_;
  }
  void seek(std::int64_t /*batches*/) override {}
  [[nodiscard]] double waited_s() const override { return 0; }

 private:
  static std::vector<float> sixteen() {
    std::vector<float> mean(16);
    std::iota(mean.begin(), mean.end(), 0.0F);
    return mean;
  }

  const Shape shape_{2, 1, 3, 3};
  const PixelTransform transform_{.whole = {1, 4, 4}, .mean = sixteen(), .scale = 0.5F};
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

TEST_P(StagedBatchesTest, BringsNoBatchOverOneThatTheDeviceHasStillToTake) {
  constexpr int kBatches = 5;
  CountingSource source(kBatches);
  StagedBatches batches(backend_, source, GetParam());
  std::vector<Tensor> images, labels;  // of each batch, looked at when all have been asked for
  for (int k = 0; k < kBatches; ++k) {
    images.push_back(backend_.make(images_.description()));
    labels.push_back(backend_.make(labels_.description()));
  }
  for (std::size_t k = 0; k < kBatches; ++k) {
    batches.next(images[k], labels[k]);
    batches.read_ahead();
  }
  for (std::size_t k = 0; k < kBatches; ++k) {
    EXPECT_THAT(values_of(images[k]), Each(static_cast<float>(k)));
    EXPECT_THAT(values_of(labels[k]), Each(static_cast<float>(k)));
  }
}

TEST_P(StagedBatchesTest, LetsTheDeviceMakeImagesOfBytes) {
  PixelSource source;
  StagedBatches batches(backend_, source, GetParam());
  for (int k = 0; k < 3; ++k) {
    batches.next(images_, labels_);
    batches.read_ahead();
    // (pixel - mean) / 2: rows of the first begin at column 1 of rows 0 to 2, those of the second at column 0 of rows 1
    // to 3.
    EXPECT_THAT(values_of(images_), ElementsAre(-0.5F, -0.5F, 0.5F, 2, 5, 9, 13.5F, 19.5F, 26.5F,  //
                                                9, -1, 38.5F, -4, 31.5F, 19.5F, 40.5F, 24.5F, 9.5F));
    EXPECT_THAT(values_of(labels_), ElementsAre(0, 1));
  }
}

}  // namespace
}  // namespace poseidon
