#include <gmock/gmock.h>

#include <map>

#include "poseidon/data/build.h"
#include "poseidon/data/data_set.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class BuildFromImagesTest : public DataTest {
 protected:
  /// A grey PNG image of one value.
  void write_plain(const std::string& name, int value, int height = 4, int width = 6) {
    write_file(
        path("in/" + name),
        png(Bytes(static_cast<std::size_t>(height * width), static_cast<std::uint8_t>(value)), 1, height, width));
  }

  /// Two classes with two images to train and one to test; values say which is which.
  void write_parts() {
    write_plain("train/bee/a.png", 10);
    write_plain("train/bee/b.png", 20);
    write_plain("train/ant/a.png", 30);
    write_plain("train/ant/b.PNG", 40);
    write_plain("test/ant/a.png", 50);
    write_plain("test/bee/a.png", 60);
  }

  [[nodiscard]] BuildOptions options() const { return {.images = path("in"), .output = path("out"), .grey = true}; }

  std::string refused(const BuildOptions& with) {
    const std::string message = error_of([&] { build_from_images(with); });
    EXPECT_FALSE(fs::exists(path("out")));
    EXPECT_FALSE(fs::exists(path("out.partial")));
    return message;
  }

  /// First pixels of a part's examples, and their labels.
  std::map<int, int> labels_of(const std::string& part) {
    const DataSet set(path("out/" + part));
    std::map<int, int> labels;
    std::string buffer;
    for (std::int64_t i = 0; i < set.info().examples; ++i) {
      const Example example = set.read(i, buffer);
      labels[example.pixels[0]] = example.label;
    }
    return labels;
  }
};

TEST_F(BuildFromImagesTest, LabelsImagesByTheirFolder) {
  write_parts();
  write_file(path("in/train/ant/notes.txt"), "no image");
  write_file(path("in/train/.cache/x.png"), "no class");
  const BuildResult result = build_from_images(options());
  EXPECT_EQ(result.train, 4);
  EXPECT_EQ(result.test, 2);
  EXPECT_EQ(result.broken, 0);
  EXPECT_EQ(labels_of("train"), (std::map<int, int>{{10, 1}, {20, 1}, {30, 0}, {40, 0}}));
  EXPECT_EQ(labels_of("test"), (std::map<int, int>{{50, 0}, {60, 1}}));
  const DataSetInfo info = DataSet(path("out/test")).info();
  EXPECT_THAT(info.classes, ElementsAre("ant", "bee"));
  EXPECT_EQ(info.channels, 1);
  EXPECT_EQ(info.height, 4);
  EXPECT_EQ(info.width, 6);
  EXPECT_EQ(info.mean, std::vector<float>(24, 25.0F));  // of the training images
}

TEST_F(BuildFromImagesTest, ReadsJpegAndPngInColour) {
  write_file(path("in/train/ant/a.jpg"), jpeg(Bytes(3 * 64, 100), 3, 8, 8));
  write_file(path("in/train/ant/b.png"), png(Bytes(3 * 64, 200), 3, 8, 8));
  write_file(path("in/test/ant/a.jpeg"), jpeg(Bytes(64, 50), 1, 8, 8));
  BuildOptions colour = options();
  colour.grey = false;
  build_from_images(colour);
  const DataSet train(path("out/train"));
  EXPECT_EQ(train.info().channels, 3);
  for (const float value : train.info().mean) EXPECT_NEAR(value, 150, 1);
  EXPECT_NEAR(labels_of("test").begin()->first, 50, 1);
}

TEST_F(BuildFromImagesTest, MakesImagesOfOneSize) {
  write_plain("train/ant/a.png", 10, 9, 5);
  write_plain("train/ant/b.png", 20, 3, 30);
  write_plain("test/ant/a.png", 50, 2, 2);
  BuildOptions resized = options();
  resized.height = 6;
  resized.width = 7;
  build_from_images(resized);
  EXPECT_EQ(DataSet(path("out/train")).info().pixels(), 42);
  EXPECT_EQ(DataSet(path("out/train")).info().mean, std::vector<float>(42, 15.0F));
  EXPECT_EQ(DataSet(path("out/test")).info().height, 6);
}

TEST_F(BuildFromImagesTest, TakesTheSizeOfTheFirstImageElse) {
  write_plain("train/ant/a.png", 10, 9, 5);
  write_plain("test/ant/a.png", 50, 2, 2);
  build_from_images(options());
  EXPECT_EQ(DataSet(path("out/test")).info().height, 9);
  EXPECT_EQ(DataSet(path("out/test")).info().width, 5);
}

TEST_F(BuildFromImagesTest, MayHaveAClassCalledTrain) {
  for (const char* name : {"train/a.png", "train/b.png", "car/a.png", "car/b.png"}) write_plain(name, 10);
  BuildOptions halved = options();
  halved.test_share = 0.5;
  build_from_images(halved);
  EXPECT_THAT(DataSet(path("out/train")).info().classes, ElementsAre("car", "train"));
}

TEST_F(BuildFromImagesTest, RefusesAClassWhoseNameIsNoText) {
  write_parts();
  write_plain("train/caf\xe9/a.png", 10);
  EXPECT_THAT(refused(options()), AllOf(HasSubstr("caf"), HasSubstr("not UTF-8")));
}

TEST_F(BuildFromImagesTest, RefusesABrokenImage) {
  write_parts();
  write_file(path("in/train/bee/c.jpg"), "no image");
  EXPECT_THAT(refused(options()), AllOf(HasSubstr(path("in/train/bee/c.jpg")), HasSubstr("--broken skip")));
}

TEST_F(BuildFromImagesTest, SkipsAndCountsBrokenImagesWhenTold) {
  write_parts();
  write_file(path("in/train/bee/c.jpg"), "no image");
  write_file(path("in/test/bee/empty.png"), "");
  const Bytes whole = jpeg(noise(24 * 24, 1), 1, 24, 24);
  write_file(path("in/train/ant/half.jpg"), Bytes(whole.begin(), whole.begin() + 300));
  BuildOptions skipping = options();
  skipping.skip_broken = true;
  const BuildResult result = build_from_images(skipping);
  EXPECT_EQ(result.train, 4);
  EXPECT_EQ(result.test, 2);
  EXPECT_EQ(result.broken, 3);
  EXPECT_THAT(result.first_broken, HasSubstr(path("in/train/")));
}

TEST_F(BuildFromImagesTest, RefusesAPartWithoutAnImageThatCanBeRead) {
  write_parts();
  write_file(path("in/test/ant/a.png"), "no image");
  write_file(path("in/test/bee/a.png"), "no image");
  BuildOptions skipping = options();
  skipping.skip_broken = true;
  EXPECT_THAT(refused(skipping), AllOf(HasSubstr("has no image to test that can be read"), HasSubstr("a.png")));
}

TEST_F(BuildFromImagesTest, RefusesFoldersThatAreNotAsExpected) {
  EXPECT_THAT(refused(options()), AllOf(HasSubstr(path("in")), HasSubstr("--images")));
  write_file(path("in/train/ant/notes.txt"), "no image");
  EXPECT_THAT(refused(options()), HasSubstr("has no images"));
  write_plain("train/ant/a.png", 1);
  EXPECT_THAT(refused(options()), HasSubstr(path("in/test")));
  write_plain("test/bee/a.png", 1);
  EXPECT_THAT(refused(options()), AllOf(HasSubstr(path("in/test/bee")), HasSubstr("training images do not have")));
}

TEST_F(BuildFromImagesTest, HoldsOutAShareOfEveryClass) {
  for (int i = 0; i < 20; ++i) write_plain("ant/" + std::to_string(i) + ".png", i);
  for (int i = 20; i < 30; ++i) write_plain("bee/" + std::to_string(i) + ".png", i);
  BuildOptions shared = options();
  shared.test_share = 0.3;
  const BuildResult result = build_from_images(shared);
  EXPECT_EQ(result.train, 21);
  EXPECT_EQ(result.test, 9);
  const std::map<int, int> train = labels_of("train");
  const std::map<int, int> test = labels_of("test");
  std::map<int, int> of_class;
  for (const auto& [value, label] : test) {
    ++of_class[label];
    EXPECT_EQ(label, value < 20 ? 0 : 1);
    EXPECT_FALSE(train.contains(value)) << value;
  }
  EXPECT_EQ(of_class, (std::map<int, int>{{0, 6}, {1, 3}}));
  EXPECT_EQ(train.size() + test.size(), 30U);

  fs::remove_all(path("out"));
  build_from_images(shared);
  EXPECT_EQ(labels_of("test"), test);
  fs::remove_all(path("out"));
  shared.seed = 2;
  build_from_images(shared);
  EXPECT_NE(labels_of("test"), test);
}

TEST_F(BuildFromImagesTest, HoldsNothingOutWhenTold) {
  write_plain("ant/a.png", 1);
  BuildOptions whole = options();
  whole.test_share = 0;
  EXPECT_EQ(build_from_images(whole).train, 1);
  EXPECT_FALSE(fs::exists(path("out/test")));
  fs::remove_all(path("out"));
  whole.test_share = 0.1;
  EXPECT_THAT(refused(whole), AllOf(HasSubstr("too few images"), HasSubstr("--test-share")));
}

}  // namespace
}  // namespace poseidon
