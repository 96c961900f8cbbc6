#include "poseidon/data/record_source.h"

#include <gmock/gmock.h>

#include <set>

#include "poseidon/data/permutation.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon::test {
namespace {

using ::testing::HasSubstr;

TEST(PermutationTest, HasEveryNumberOnce) {
  for (const std::int64_t count : {1, 2, 3, 16, 17, 1000}) {
    const Permutation permutation(count, 5);
    std::set<std::int64_t> seen;
    for (std::int64_t i = 0; i < count; ++i) seen.insert(permutation[i]);
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), count);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), count - 1);
  }
}

TEST(PermutationTest, DiffersBySeed) {
  int same = 0;
  for (std::int64_t i = 0; i < 1000; ++i) same += Permutation(1000, 1)[i] == Permutation(1000, 2)[i] ? 1 : 0;
  EXPECT_LT(same, 20);
}

class RecordSourceTest : public DataTest {
 protected:
  std::unique_ptr<RecordSource> open(const RecordSourceOptions& options) {
    return std::make_unique<RecordSource>(set_, options);
  }

  /// First pixels (which tell examples apart) and labels of so many batches.
  static std::vector<float> read(RecordSource& source, int batches) {
    std::vector<float> values;
    for (int i = 0; i < batches; ++i) {
      const Batch& batch = source.next();
      values.insert(values.end(), batch.images.begin(), batch.images.end());
      values.insert(values.end(), batch.labels.begin(), batch.labels.end());
    }
    return values;
  }

  std::shared_ptr<const DataSet> set_ = std::make_shared<DataSet>(write_set(30, 2, 6, 7));
};

TEST_F(RecordSourceTest, EveryEpochShowsEveryExampleOnceInAnotherOrder) {
  const auto source = open({.batch = 10, .transform = {}});
  std::vector<std::multiset<float>> epochs;
  std::vector<std::vector<float>> orders;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<float> first_pixels;
    for (int i = 0; i < 3; ++i) {
      const Batch& batch = source->next();
      for (std::size_t k = 0; k < 10; ++k) first_pixels.push_back(batch.images[k * 84]);
    }
    epochs.emplace_back(first_pixels.begin(), first_pixels.end());
    orders.push_back(first_pixels);
  }
  std::multiset<float> all;
  for (std::int64_t i = 0; i < 30; ++i) all.insert(static_cast<float>(static_cast<std::uint8_t>(7 * i)));
  EXPECT_EQ(epochs[0], all);
  EXPECT_EQ(epochs[1], all);
  EXPECT_NE(orders[0], orders[1]);
}

TEST_F(RecordSourceTest, WorkersTogetherSeeWhatOneSeesWithTheirBatchesTogether) {
  const TransformSpec transform{.scale = 0.5, .mirror = true, .crop_size = 4, .mean_values = {1, 2}};
  const auto one = open({.batch = 12, .transform = transform});
  std::vector<std::unique_ptr<RecordSource>> several;
  for (int worker = 0; worker < 3; ++worker) {
    several.push_back(open({.batch = 4, .worker = worker, .workers = 3, .threads = 2, .transform = transform}));
  }
  for (int i = 0; i < 7; ++i) {
    const Batch& whole = one->next();
    for (std::size_t worker = 0; worker < 3; ++worker) {
      const Batch& part = several[worker]->next();
      const std::size_t size = part.images.size();
      EXPECT_TRUE(std::equal(part.images.begin(), part.images.end(),
                             whole.images.begin() + static_cast<std::ptrdiff_t>(worker * size)));
      EXPECT_TRUE(std::equal(part.labels.begin(), part.labels.end(),
                             whole.labels.begin() + static_cast<std::ptrdiff_t>(worker * 4)));
    }
  }
}

TEST_F(RecordSourceTest, SeekGoesToAnyBatch) {
  const auto source = open({.batch = 7, .threads = 3, .transform = {.crop_size = 5}});
  const std::vector<float> from_start = read(*source, 9);
  const auto other = open({.batch = 7, .threads = 3, .transform = {.crop_size = 5}});
  read(*other, 4);
  other->seek(6);
  const std::vector<float> tail = read(*other, 3);
  EXPECT_EQ(tail, std::vector<float>(from_start.end() - static_cast<std::ptrdiff_t>(tail.size()), from_start.end()));
  other->seek(0);
  EXPECT_EQ(read(*other, 9), from_start);
}

TEST_F(RecordSourceTest, TestsGoInOrderThroughTheCentre) {
  const auto source = open(
      {.batch = 2, .training = false, .transform = {.scale = 2, .mirror = true, .crop_size = 4, .mean_values = {3}}});
  const Batch& batch = source->next();
  for (std::int64_t example = 0; example < 2; ++example) {
    EXPECT_EQ(batch.labels[std::size_t(example)], static_cast<float>(example % 3));
    for (std::int64_t c = 0; c < 2; ++c) {
      for (std::int64_t y = 0; y < 4; ++y) {
        for (std::int64_t x = 0; x < 4; ++x) {
          const std::int64_t pixel = (c * 6 + y + 1) * 7 + x + 1;
          const float expected = (static_cast<float>(static_cast<std::uint8_t>(7 * example + pixel)) - 3) * 2;
          EXPECT_EQ(batch.images[std::size_t(((example * 2 + c) * 4 + y) * 4 + x)], expected);
        }
      }
    }
  }
}

TEST_F(RecordSourceTest, TrainingCropsAndMirrorsAtRandom) {
  const auto source = open({.batch = 30, .transform = {.mirror = true, .crop_size = 5}});
  std::set<float> steps;  // from a pixel to its right neighbour: 1, or -1 where mirrored
  std::set<float> corners;
  const Batch& batch = source->next();
  for (std::size_t i = 0; i < 30; ++i) {
    const float step = batch.images[i * 50 + 1] - batch.images[i * 50];
    if (step == 1 || step == -1) steps.insert(step);
    corners.insert(batch.images[i * 50]);
  }
  EXPECT_EQ(steps, (std::set<float>{-1, 1}));
  EXPECT_GT(corners.size(), 15U);
}

TEST_F(RecordSourceTest, SubtractsTheMeanImage) {
  const auto source = open({.batch = 1, .training = false, .transform = {.mean_image = true}});
  const Batch& batch = source->next();
  for (std::size_t k = 0; k < 84; ++k) {
    EXPECT_FLOAT_EQ(batch.images[k], static_cast<float>(static_cast<std::uint8_t>(k)) - set_->info().mean[k]);
  }
}

TEST_F(RecordSourceTest, RefusesATransformThatDoesNotFit) {
  EXPECT_THAT(error_of([&] { open({.batch = 1, .transform = {.crop_size = 7}}); }),
              HasSubstr("smaller than crop_size 7"));
  EXPECT_THAT(error_of([&] {
                open({.batch = 1, .transform = {.mean_values = {1, 2, 3}}});
              }),
              HasSubstr("has 2 channels"));
}

TEST_F(RecordSourceTest, EndsWhileBatchesAreRead) {
  for (int i = 0; i < 20; ++i) {
    const auto source = open({.batch = 30, .threads = 3, .transform = {}});
    if (i % 2 == 0) source->next();
  }
}

}  // namespace
}  // namespace poseidon::test
