#include "poseidon/data/record_source.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>

#include "poseidon/data/data_set_writer.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon {
namespace {

using testing::HasSubstr;

class RecordSourceTest : public DataTest {
 protected:
  /// A set whose example i is one pixel of value i.
  std::shared_ptr<const DataSet> numbers(std::int64_t count, const std::string& name = "numbers") {
    DataSetWriter writer(path(name), {.channels = 1, .height = 1, .width = 1, .classes = {"even", "odd"}});
    for (std::int64_t i = 0; i < count; ++i) {
      writer.add(Bytes{static_cast<std::uint8_t>(i)}, static_cast<std::int32_t>(i % 2));
    }
    writer.finish();
    return std::make_shared<const DataSet>(path(name));
  }

  /// Pixels of `batches` batches in a row, then their labels.
  static std::vector<float> read(RecordSource& source, int batches) {
    std::vector<float> images;
    std::vector<float> labels;
    for (int i = 0; i < batches; ++i) {
      const Batch& batch = source.next();
      images.insert(images.end(), batch.images.begin(), batch.images.end());
      labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
    }
    images.insert(images.end(), labels.begin(), labels.end());
    return images;
  }

  static std::vector<float> read(const std::shared_ptr<const DataSet>& set, const RecordSourceOptions& options,
                                 int batches) {
    RecordSource source(set, options);
    return read(source, batches);
  }

  /// The plain way: pixel by pixel, as transform_param says.
  static std::vector<float> transformed(const DataSetInfo& info, const Bytes& pixels, std::int64_t crop,
                                        std::int64_t top, std::int64_t left, bool mirrored,
                                        const std::vector<float>& mean, float scale) {
    std::vector<float> image;
    for (std::int64_t c = 0; c < info.channels; ++c) {
      for (std::int64_t y = 0; y < crop; ++y) {
        for (std::int64_t x = 0; x < crop; ++x) {
          const std::int64_t column = left + (mirrored ? crop - 1 - x : x);
          const auto place = static_cast<std::size_t>((c * info.height + top + y) * info.width + column);
          image.push_back((static_cast<float>(pixels[place]) - mean[place]) * scale);
        }
      }
    }
    return image;
  }
};

TEST_F(RecordSourceTest, BeginsAtTheExampleAskedFor) {
  const auto set = numbers(7);
  RecordSource source(set, {.batch = 3, .first = 4, .training = false});
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(source.next().images, (std::vector<float>{4, 5, 6}));
    source.seek(0);
  }
}

TEST_F(RecordSourceTest, RefusesPositionsThatCannotBeCounted) {
  const auto set = numbers(7);
  RecordSource source(set, {.batch = 3, .workers = 2});
  for (const std::int64_t batches : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max() / 2}) {
    EXPECT_THAT(error_of([&] { source.seek(batches); }, bosen::ErrorKind::kConfiguration), HasSubstr("is damaged"));
  }
}

TEST_F(RecordSourceTest, ShowsEveryExampleOnceInEveryEpoch) {
  const auto set = numbers(30);
  const std::vector<float> seen = read(set, {.batch = 5}, 18);
  std::vector<std::vector<float>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<float> shown(seen.begin() + 30 * epoch, seen.begin() + 30 * (epoch + 1));
    epochs.push_back(shown);
    std::sort(shown.begin(), shown.end());
    for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(shown[i], static_cast<float>(i)) << "epoch " << epoch;
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_NE(epochs[0], epochs[2]);
  for (std::size_t i = 0; i < 90; ++i) EXPECT_EQ(seen[90 + i], static_cast<float>(static_cast<int>(seen[i]) % 2));
}

TEST_F(RecordSourceTest, ShufflesByItsSeed) {
  const auto set = numbers(30);
  EXPECT_EQ(read(set, {.batch = 5, .seed = 3}, 6), read(set, {.batch = 5, .seed = 3}, 6));
  EXPECT_NE(read(set, {.batch = 5, .seed = 3}, 6), read(set, {.batch = 5, .seed = 4}, 6));
}

TEST_F(RecordSourceTest, KeepsTheOrderInTests) {
  EXPECT_EQ(read(numbers(5), {.batch = 3, .training = false}, 2),
            (std::vector<float>{0, 1, 2, 3, 4, 0, 0, 1, 0, 1, 0, 0}));
}

TEST_F(RecordSourceTest, ManyWorkersSeeWhatOneSees) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 17, 2, 5, 4));
  const TransformSpec transform{.scale = 0.5, .mirror = true, .crop_size = 3, .mean_values = {100}};
  RecordSource one(set, {.batch = 12, .transform = transform});
  std::vector<std::unique_ptr<RecordSource>> many;
  for (int worker = 0; worker < 4; ++worker) {
    many.push_back(std::make_unique<RecordSource>(
        set, RecordSourceOptions{.batch = 3, .worker = worker, .workers = 4, .transform = transform}));
  }
  for (int iteration = 0; iteration < 7; ++iteration) {
    const Batch& whole = one.next();
    Batch joined;
    for (const auto& source : many) {
      const Batch& part = source->next();
      joined.images.insert(joined.images.end(), part.images.begin(), part.images.end());
      joined.labels.insert(joined.labels.end(), part.labels.begin(), part.labels.end());
    }
    ASSERT_EQ(joined.images, whole.images) << "iteration " << iteration;
    ASSERT_EQ(joined.labels, whole.labels) << "iteration " << iteration;
  }
}

TEST_F(RecordSourceTest, ThreadsChangeNothing) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 17, 1, 5, 4));
  const TransformSpec transform{.mirror = true, .crop_size = 3};
  const std::vector<float> expected = read(set, {.batch = 4, .transform = transform}, 30);
  EXPECT_EQ(read(set, {.batch = 4, .threads = 5, .transform = transform}, 30), expected);
  const auto uncached = std::make_shared<const DataSet>(path("set"), 0);
  EXPECT_EQ(read(uncached, {.batch = 4, .threads = 5, .transform = transform}, 30), expected);
}

TEST_F(RecordSourceTest, SeeksToAnyBatch) {
  const auto set = numbers(30);
  RecordSource straight(set, {.batch = 4, .worker = 1, .workers = 2});
  std::vector<std::vector<float>> batches;
  for (int i = 0; i < 40; ++i) batches.push_back(straight.next().images);
  RecordSource source(set, {.batch = 4, .worker = 1, .workers = 2, .threads = 2});
  for (const std::int64_t place : {7, 0, 39, 38, 12, 13}) {
    source.seek(place);
    EXPECT_EQ(source.next().images, batches[static_cast<std::size_t>(place)]) << place;
  }
  EXPECT_EQ(source.next().images, batches[14]);
  source.seek(std::int64_t{1} << 40);  // at once, wherever that is
  EXPECT_EQ(source.next().images.size(), 4U);
}

TEST_F(RecordSourceTest, CropsTheCentreInTests) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 6, 3, 7, 8));
  const std::vector<float> mean(3 * 7 * 8, 0.0F);
  RecordSource source(set,
                      {.batch = 1, .training = false, .transform = {.scale = 0.25, .mirror = true, .crop_size = 4}});
  EXPECT_EQ(source.shape(), (Shape{1, 3, 4, 4}));
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(source.next().images, transformed(set->info(), pixels_of(i, 168), 4, 1, 2, false, mean, 0.25F));
  }
}

TEST_F(RecordSourceTest, CropsAndMirrorsByChanceInTraining) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 3, 2, 5, 6));
  const std::vector<float>& mean = set->info().mean;
  RecordSource source(set, {.batch = 1, .transform = {.scale = 2, .mirror = true, .crop_size = 4, .mean_image = true}});
  std::map<std::vector<float>, int> seen;
  for (int i = 0; i < 600; ++i) ++seen[source.next().images];
  std::size_t possible = 0;
  for (std::int64_t example = 0; example < 3; ++example) {
    for (std::int64_t place = 0; place < 12; ++place) {
      const std::vector<float> image =
          transformed(set->info(), pixels_of(example, 60), 4, place / 6, place / 2 % 3, place % 2 == 1, mean, 2.0F);
      EXPECT_GE(seen[image], 4) << "example " << example << " place " << place;
      EXPECT_LE(seen[image], 40) << "example " << example << " place " << place;
      ++possible;
    }
  }
  EXPECT_EQ(seen.size(), possible);  // and nothing else
}

TEST_F(RecordSourceTest, GivesPixelsThatMakeTheSameImages) {
  constexpr std::int64_t kCrop = 4;
  const auto set = std::make_shared<const DataSet>(make_set("set", 9, 2, 5, 6));
  const RecordSourceOptions options{
      .batch = 5, .transform = {.scale = 0.5, .mirror = true, .crop_size = kCrop, .mean_image = true}};
  RecordSource images(set, options);
  RecordSource pixels(set, options);
  images.next();
  pixels.next();
  const PixelTransform* const transform = pixels.give_pixels();
  ASSERT_NE(transform, nullptr);
  const DataSetInfo& info = set->info();
  for (int k = 0; k < 4; ++k) {
    const Batch& expected = images.next();
    const Batch& batch = pixels.next();
    EXPECT_EQ(batch.labels, expected.labels);
    EXPECT_TRUE(batch.images.empty());
    ASSERT_EQ(batch.pixels.size(), expected.images.size());
    for (std::size_t i = 0; i < batch.pixels.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t x = at % kCrop, y = at / kCrop % kCrop, c = at / kCrop / kCrop % info.channels;
      const ImagePart& part = batch.parts[i / (kCrop * kCrop) / static_cast<std::size_t>(info.channels)];
      const std::int64_t column = part.mirrored != 0 ? kCrop - 1 - x : x;
      const auto whole = static_cast<std::size_t>((c * info.height + part.top + y) * info.width + part.left + column);
      const auto pixel = static_cast<float>(batch.pixels[static_cast<std::size_t>(at - x + column)]);
      ASSERT_EQ((pixel - transform->mean[whole]) * transform->scale, expected.images[i]) << "element " << i;
    }
  }
}

TEST_F(RecordSourceTest, SubtractsOneMeanOrOneOfEachChannel) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 3, 2, 2, 2));
  const auto check = [&](const std::vector<double>& values, const std::vector<float>& mean) {
    RecordSource source(set, {.batch = 1, .training = false, .transform = {.mean_values = values}});
    EXPECT_EQ(source.next().images, transformed(set->info(), pixels_of(0, 8), 2, 0, 0, false, mean, 1.0F));
  };
  check({9}, std::vector<float>(8, 9.0F));
  check({9, 20}, {9, 9, 9, 9, 20, 20, 20, 20});
}

TEST_F(RecordSourceTest, RefusesWhatDoesNotFitTheSet) {
  const auto set = std::make_shared<const DataSet>(make_set("set", 3, 2, 4, 6));
  const auto refused = [&](const RecordSourceOptions& options) {
    return error_of([&] { const RecordSource source(set, options); }, bosen::ErrorKind::kConfiguration);
  };
  EXPECT_THAT(refused({.transform = {.crop_size = 5}}), HasSubstr("4 x 6, smaller than crop_size 5"));
  EXPECT_THAT(refused({.transform = {.mean_values = {1, 2, 3}}}), HasSubstr("has 2 channels"));
  EXPECT_THAT(refused({.threads = 0}), HasSubstr("0 threads"));
  EXPECT_THAT(refused({.worker = 2, .workers = 2}), HasSubstr("worker 2 of 2"));
}

TEST_F(RecordSourceTest, HandsOutTheErrorsOfItsThreads) {
  DataSetWriter writer(path("broken"), {.channels = 1, .height = 1, .width = 1, .classes = {"ant"}});
  for (int i = 0; i < 20; ++i) writer.add(Bytes{1}, i == 10 ? 5 : 0);
  writer.finish();
  const auto set = std::make_shared<const DataSet>(path("broken"), 0);
  RecordSource source(set, {.batch = 4, .training = false, .threads = 2});
  source.next();
  source.next();
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(error_of([&] { source.next(); }), HasSubstr("example 10 has the label 5"));
  }
  source.seek(3);
  EXPECT_EQ(source.next().labels, std::vector<float>(4, 0.0F));
}

TEST_F(RecordSourceTest, EndsWhileItsThreadsAreReading) {
  const auto set = numbers(100);
  for (int reads = 0; reads < 20; ++reads) {
    RecordSource source(set, {.batch = 50, .threads = 3});
    for (int i = 0; i < reads % 4; ++i) source.next();
  }
}

TEST_F(RecordSourceTest, KeepsABatchUntilTheNext) {
  const auto set = numbers(200);
  RecordSource source(set, {.batch = 1, .training = false, .threads = 3});
  for (int i = 0; i < 150; ++i) {
    const Batch& batch = source.next();
    for (int look = 0; look < 50; ++look) ASSERT_EQ(batch.images[0], static_cast<float>(i));
  }
}

}  // namespace
}  // namespace poseidon
