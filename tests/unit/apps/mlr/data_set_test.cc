#include "apps/mlr/data_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "bosen/error.h"

namespace mlr {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const bosen::Error& error) {
    EXPECT_EQ(bosen::exit_code(error.kind()), 2);
    return error.what();
  }
  return "no error";
}

class DataSetTest : public ::testing::Test {
 protected:
  DataSetTest() { std::filesystem::create_directory(folder_); }
  ~DataSetTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
    return folder_ + "/" + name;
  }

  std::string folder_ = testing::TempDir() + "data_set_test_" + std::to_string(::getpid());
};

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::string idx_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns, const std::string& pixels) {
  return big_endian(0x803) + big_endian(count) + big_endian(rows) + big_endian(columns) + pixels;
}

std::string idx_labels(const std::string& labels) {
  return big_endian(0x801) + big_endian(static_cast<std::uint32_t>(labels.size())) + labels;
}

class IdxTest : public DataSetTest {
 protected:
  IdxTest() {
    write("train-images-idx3-ubyte", idx_images(2, 1, 3, std::string("\x00\xff\x33\x00\x00\xff", 6)));
    write("train-labels-idx1-ubyte", idx_labels(std::string("\x02\x00", 2)));
  }

  std::string error() {
    return error_of([&] { read_idx(folder_, "train", 3); });
  }
};

TEST_F(IdxTest, ReadsPixelsAndLabels) {
  const Examples examples = read_idx(folder_, "train", 3);
  ASSERT_EQ(examples.size(), 2U);
  EXPECT_EQ(examples.features, 3);
  EXPECT_THAT(examples.labels, ElementsAre(2, 0));
  ASSERT_EQ(examples.of(0).size(), 2U);
  EXPECT_EQ(examples.of(0)[0].column, 1U);
  EXPECT_FLOAT_EQ(examples.of(0)[0].value, 1.0F);
  EXPECT_FLOAT_EQ(examples.of(0)[1].value, 0.2F);
  ASSERT_EQ(examples.of(1).size(), 1U);
  EXPECT_EQ(examples.of(1)[0].column, 2U);
}

TEST_F(IdxTest, RefusesAMissingFileWithTheNamesItLooksFor) {
  std::filesystem::remove(folder_ + "/train-labels-idx1-ubyte");
  EXPECT_THAT(error(), HasSubstr("train-labels-idx1-ubyte: is not there, nor is train-labels-idx1-ubyte.gz"));
}

TEST_F(IdxTest, RefusesAWrongMagic) {
  write("train-images-idx3-ubyte", idx_labels("ab"));
  EXPECT_THAT(error(), EndsWith("is no IDX file of images: it begins with 0x00000801 instead of 0x00000803"));
}

TEST_F(IdxTest, RefusesAFileThatEndsEarly) {
  write("train-images-idx3-ubyte", idx_images(2, 1, 3, "abcde"));
  EXPECT_THAT(error(), HasSubstr("has 1 images where its header promises 2: it was cut short"));
  write("train-images-idx3-ubyte", big_endian(0x803) + "\x01");
  EXPECT_THAT(error(), HasSubstr("ends inside its header"));
  write("train-images-idx3-ubyte", "");
  EXPECT_THAT(error(), HasSubstr("is empty"));
}

TEST_F(IdxTest, RefusesAFileThatIsTooLong) {
  write("train-images-idx3-ubyte", idx_images(2, 1, 3, "abcdefg"));
  EXPECT_THAT(error(), HasSubstr("goes on after the 2 images"));
}

TEST_F(IdxTest, RefusesALabelOutOfRange) {
  write("train-labels-idx1-ubyte", idx_labels("\x02\x03"));
  EXPECT_THAT(error(), HasSubstr("train-labels-idx1-ubyte: label 3 of example 1 is out of range: labels are 0 to 2"));
}

TEST_F(IdxTest, RefusesLabelsForOtherImages) {
  write("train-labels-idx1-ubyte", idx_labels("\x01"));
  EXPECT_THAT(error(), HasSubstr("has 1 labels for the 2 images"));
}

TEST_F(IdxTest, RefusesEmptyAndAbsurdHeaders) {
  write("train-images-idx3-ubyte", idx_images(0, 1, 3, ""));
  EXPECT_THAT(error(), HasSubstr("holds no images"));
  write("train-images-idx3-ubyte", idx_images(1, 0xffffffff, 0xffffffff, ""));
  EXPECT_THAT(error(), HasSubstr("is it damaged?"));
}

TEST_F(IdxTest, RefusesTestImagesOfAnotherSize) {
  write("t10k-images-idx3-ubyte", idx_images(1, 1, 2, "ab"));
  write("t10k-labels-idx1-ubyte", idx_labels("\x01"));
  EXPECT_THAT(error_of([&] { read_data_set({.data = folder_, .test = "", .classes = 3}); }),
              HasSubstr("3 pixels, those to test with 2"));
}

class LibsvmTest : public DataSetTest {
 protected:
  DataSet read(const std::string& text, int classes = 0) { return read_libsvm(write("train", text), "", classes); }
  std::string error(const std::string& text) {
    const std::string message = error_of([&] { read(text); });
    return message.substr(std::min(message.size(), folder_.size() + 1));
  }
};

TEST_F(LibsvmTest, ReadsFeaturesFromOneOn) {
  const Examples examples = read("# comment\n0 1:2.5 4:-1e-2 # more\n\n1\t2:0 3:7\r\n").train;
  EXPECT_EQ(examples.features, 4);
  EXPECT_EQ(examples.classes, 2);
  ASSERT_EQ(examples.size(), 2U);
  EXPECT_EQ(examples.of(0)[1].column, 3U);
  EXPECT_FLOAT_EQ(examples.of(0)[1].value, -0.01F);
  ASSERT_EQ(examples.of(1).size(), 1U) << "zeros are not kept";
  EXPECT_EQ(examples.of(1)[0].column, 2U);
}

TEST_F(LibsvmTest, UnderstandsEveryUsualWayToNumberLabels) {
  EXPECT_THAT(read("-1 1:1\n+1 1:1\n").train.labels, ElementsAre(0, 1));
  EXPECT_THAT(read("0 1:1\n1 1:1\n").train.labels, ElementsAre(0, 1));
  EXPECT_THAT(read("1 1:1\n3 1:1\n2.0 1:1\n").train.labels, ElementsAre(0, 2, 1));
  EXPECT_EQ(read("0 1:1\n1 1:1\n", 5).train.classes, 5);
}

TEST_F(LibsvmTest, RefusesTextThatIsNotNumbersWithItsPlace) {
  EXPECT_EQ(error("0 1:1\ncat 1:1\n"),
            "train:2:1: label 'cat' is not a whole number from -65536 to 65536: a line is LABEL INDEX:VALUE ...");
  EXPECT_EQ(error("0 1:1\n1 2:x\n"), "train:2:3: the value of '2:x' is not a number");
  EXPECT_EQ(error("0 1:1\n1 2:nan\n"), "train:2:3: the value of '2:nan' is not a number");
  EXPECT_EQ(error("0 1:1\n1 2:-1e30\n"),
            "train:2:3: the value -1e+30 is too large to compute with: scale the data, so that values are nearer to 1");
  EXPECT_EQ(error("0 1:1\n1 1:1 5\n"), "train:2:7: '5' is not of the form INDEX:VALUE");
  EXPECT_EQ(error("0 qid:1\n"), "train:1:3: 'qid:1' is not of the form INDEX:VALUE");
  EXPECT_EQ(error("0.5 1:1\n"),
            "train:1:1: label '0.5' is not a whole number from -65536 to 65536: a line is LABEL INDEX:VALUE ...");
}

TEST_F(LibsvmTest, RefusesIndicesThatDoNotAscendFromOne) {
  EXPECT_THAT(error("0 0:1\n"), HasSubstr("train:1:3: index 0 is out of range"));
  EXPECT_THAT(error("0 2:1 2:1\n"), HasSubstr("train:1:7: index 2 does not ascend: it follows 2"));
  EXPECT_THAT(error("0 99999999:1\n"), HasSubstr("index 99999999 is out of range"));
}

TEST_F(LibsvmTest, RefusesLabelsOutOfRange) {
  EXPECT_THAT(error("0 1:1\n7 1:1\n1 1:1\n"), HasSubstr("train:2:1: label 7 is out of range"));
  EXPECT_THAT(error("-1 1:1\n1 1:1\n0 1:1\n"), HasSubstr("train:3:1: label 0 is out of range: labels are -1 and +1"));
  EXPECT_THAT(error("0 1:1\n-2 1:1\n"), HasSubstr("label"));
  EXPECT_THAT(error("1 1:1\n1 1:1\n"), HasSubstr("has one label only"));
}

TEST_F(LibsvmTest, RefusesEmptyFiles) {
  EXPECT_THAT(error(""), HasSubstr("train: is empty"));
  EXPECT_THAT(error("\n# nothing\n"), HasSubstr("train: is empty"));
  EXPECT_THAT(error("0\n1\n"), HasSubstr("train: has no features"));
}

TEST_F(LibsvmTest, ReadsTheTestSetWithTheLabelsAndFeaturesOfTheTrainingSet) {
  const std::string train = write("train", "1 1:1\n2 2:1\n");
  const DataSet data = read_libsvm(train, write("test", "2 1:1 3:5\n"), 0);
  EXPECT_EQ(data.test.features, 2);
  EXPECT_EQ(data.test.of(0).size(), 1U) << "feature 3 has no weight";
  EXPECT_THAT(data.test.labels, ElementsAre(1));
  EXPECT_THAT(error_of([&] { read_libsvm(train, write("test", "0 1:1\n"), 0); }),
              HasSubstr("test:1:1: label 0 is out of range: labels are 1 to 2; as in"));
}

TEST_F(DataSetTest, ChecksBeforeReadingThatFilesAreThereAndFitTogether) {
  EXPECT_THAT(error_of([] { check({.data = "/nowhere", .test = ""}); }), HasSubstr("/nowhere: is not there"));
  EXPECT_THAT(error_of([&] { check({.data = folder_, .test = "x"}); }), HasSubstr("leave --test out"));
  const std::string file = write("train", "0 1:1\n");
  EXPECT_THAT(error_of([&] { check({.data = file, .test = ""}); }), HasSubstr("--test FILE"));
  EXPECT_THAT(error_of([&] { check({.data = file, .test = "/nowhere"}); }), HasSubstr("/nowhere: is not there"));
}

TEST(FeatureMeansTest, CountsZerosToo) {
  Examples examples{.features = 2, .classes = 2, .labels = {}, .nonzeros = {}};
  examples.nonzeros.push_back({0, 3});
  examples.close_example(0);
  examples.close_example(1);
  EXPECT_THAT(feature_means(examples), ElementsAre(1.5F, 0.0F));
}

}  // namespace
}  // namespace mlr
