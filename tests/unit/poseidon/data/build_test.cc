#include "poseidon/data/build.h"

#include <gmock/gmock.h>

#include <array>

#include "poseidon/data/data_set.h"
#include "poseidon/data/output_folder.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

void append_number(Bytes& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

Bytes idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width, std::uint64_t seed) {
  Bytes bytes;
  for (const std::uint32_t number : {std::uint32_t{0x803}, count, height, width}) append_number(bytes, number);
  const Bytes pixels = noise(std::size_t{count} * height * width, seed);
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

/// Labels 0, 1 .. 9, 0, 1 ...
Bytes idx_labels(std::uint32_t count) {
  Bytes bytes;
  for (const std::uint32_t number : {std::uint32_t{0x801}, count}) append_number(bytes, number);
  for (std::uint32_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 10));
  return bytes;
}

class BuildTest : public DataTest {
 protected:
  void write_idx() {
    write_file(path("in/train-images-idx3-ubyte"), idx_images(12, 3, 4, 1));
    write_file(path("in/train-labels-idx1-ubyte"), idx_labels(12));
    write_file(path("in/t10k-images-idx3-ubyte.gz"), gzipped(idx_images(5, 3, 4, 2)));
    write_file(path("in/t10k-labels-idx1-ubyte.gz"), gzipped(idx_labels(5)));
  }

  void write_cifar10() {
    for (int file = 0; file < 6; ++file) {
      const Bytes pixels = noise(2 * 3072, static_cast<std::uint64_t>(file));
      Bytes bytes;
      for (int i = 0; i < 2; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(file + i));
        bytes.insert(bytes.end(), pixels.begin() + 3072 * i, pixels.begin() + 3072 * (i + 1));
      }
      write_file(path(file == 5 ? "in/test_batch.bin" : "in/data_batch_" + std::to_string(file + 1) + ".bin"), bytes);
    }
  }

  [[nodiscard]] BuildOptions options() const { return {.images = path("in"), .output = path("out")}; }

  /// What the builder says, of data; nothing may be left behind.
  std::string refused(BuildResult (*build)(const BuildOptions&)) {
    const std::string message = error_of([&] { build(options()); });
    EXPECT_FALSE(fs::exists(path("out")));
    EXPECT_FALSE(fs::exists(path("out.partial")));
    return message;
  }
};

TEST_F(BuildTest, KeepsIdxFiles) {
  write_idx();
  const BuildResult result = build_from_idx(options());
  EXPECT_EQ(result.train, 12);
  EXPECT_EQ(result.test, 5);
  const DataSet train(path("out/train"));
  const DataSet test(path("out/test"));
  EXPECT_EQ(train.info().channels, 1);
  EXPECT_EQ(train.info().height, 3);
  EXPECT_EQ(train.info().width, 4);
  EXPECT_EQ(train.info().classes.size(), 10U);
  EXPECT_EQ(test.info().mean, train.info().mean);
  std::string buffer;
  const Bytes pixels = noise(12 * 12, 1);
  for (std::int64_t i = 0; i < 12; ++i) {
    const Example example = train.read(i, buffer);
    EXPECT_EQ(example.label, i % 10);
    EXPECT_EQ(Bytes(example.pixels.begin(), example.pixels.end()),
              Bytes(pixels.begin() + 12 * i, pixels.begin() + 12 * (i + 1)));
  }
  const Bytes test_pixels = noise(5 * 12, 2);
  const Example last = test.read(4, buffer);
  EXPECT_EQ(Bytes(last.pixels.begin(), last.pixels.end()), Bytes(test_pixels.begin() + 48, test_pixels.end()));
}

TEST_F(BuildTest, TellsHowFarItIs) {
  write_idx();
  std::vector<std::string> told;
  BuildOptions with_progress = options();
  with_progress.progress = [&](const std::string& part, std::int64_t done, std::int64_t total) {
    told.push_back(part + " " + std::to_string(done) + "/" + std::to_string(total));
  };
  build_from_idx(with_progress);
  EXPECT_EQ(told, (std::vector<std::string>{"train 12/12", "test 5/5"}));
}

TEST_F(BuildTest, RefusesIdxFilesThatAreMissing) {
  write_idx();
  fs::remove(path("in/t10k-labels-idx1-ubyte.gz"));
  EXPECT_THAT(refused(build_from_idx), AllOf(HasSubstr(path("in/t10k-labels-idx1-ubyte")), HasSubstr("--images")));
}

TEST_F(BuildTest, RefusesIdxFilesOfOtherKinds) {
  write_idx();
  write_file(path("in/train-images-idx3-ubyte"), idx_labels(12));
  EXPECT_THAT(refused(build_from_idx), AllOf(HasSubstr("0x00000801"), HasSubstr("0x00000803")));
}

TEST_F(BuildTest, CountsTheClassesOfIdxLabels) {
  write_idx();
  Bytes labels = idx_labels(5);
  labels[8 + 3] = 46;
  write_file(path("in/t10k-labels-idx1-ubyte.gz"), gzipped(labels));
  build_from_idx(options());
  for (const char* part : {"out/train", "out/test"}) {
    const DataSet set(path(part));
    ASSERT_EQ(set.info().classes.size(), 47U) << part;
    EXPECT_EQ(set.info().classes[46], "46");
  }
  std::string buffer;
  EXPECT_EQ(DataSet(path("out/test")).read(3, buffer).label, 46);
}

TEST_F(BuildTest, HasNoClassesThatIdxLabelsLack) {
  write_idx();
  Bytes few = idx_labels(12);
  for (std::size_t i = 8; i < few.size(); ++i) few[i] %= 3;
  write_file(path("in/train-labels-idx1-ubyte"), few);
  build_from_idx(options());
  EXPECT_EQ(DataSet(path("out/train")).info().classes.size(), 5U);  // the test part has 0 to 4
}

TEST_F(BuildTest, KeepsWhatIsWholeOfIdxFilesThatWereCutShort) {
  write_idx();
  const auto cut = [&](const char* name, std::size_t bytes) {
    const Bytes whole = read_file(path(name));
    write_file(path(name), Bytes(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(bytes)));
  };
  cut("in/train-images-idx3-ubyte", 13);  // the last image, and a pixel of the one before
  BuildOptions skipping = options();
  skipping.skip_broken = true;
  const BuildResult result = build_from_idx(skipping);
  EXPECT_EQ(result.train, 10);
  EXPECT_EQ(result.test, 5);
  EXPECT_EQ(result.broken, 2);
  EXPECT_THAT(result.first_broken, AllOf(HasSubstr("train-images"), HasSubstr("cut short")));
  cut("in/train-labels-idx1-ubyte", 5);
  skipping.output = path("again");
  const BuildResult again = build_from_idx(skipping);
  EXPECT_EQ(again.train, 7);
  EXPECT_EQ(again.broken, 5);
  EXPECT_THAT(again.first_broken, HasSubstr("train-labels"));
}

TEST_F(BuildTest, RefusesIdxFilesThatDoNotBelongTogether) {
  write_idx();
  write_file(path("in/train-labels-idx1-ubyte"), idx_labels(11));
  EXPECT_THAT(refused(build_from_idx), HasSubstr("11 labels for 12 images"));
  write_file(path("in/train-labels-idx1-ubyte"), idx_labels(12));
  write_file(path("in/t10k-images-idx3-ubyte.gz"), gzipped(idx_images(5, 4, 4, 2)));
  EXPECT_THAT(refused(build_from_idx), HasSubstr("4 x 4 pixels, those to train have 3 x 4"));
}

TEST_F(BuildTest, RefusesIdxFilesThatWereCutShort) {
  write_idx();
  for (const char* name : {"in/train-images-idx3-ubyte", "in/t10k-images-idx3-ubyte.gz"}) {
    const Bytes whole = read_file(path(name));
    for (const std::size_t missing : {std::size_t{1}, std::size_t{5}, whole.size() / 2, whole.size() - 3}) {
      write_file(path(name), Bytes(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(missing)));
      EXPECT_THAT(refused(build_from_idx), AllOf(HasSubstr(path(name)), HasSubstr("cut short")))
          << name << " without " << missing;
    }
    write_file(path(name), whole);
  }
}

TEST_F(BuildTest, RefusesIdxFilesThatGoOn) {
  write_idx();
  Bytes labels = idx_labels(12);
  labels.push_back(0);
  write_file(path("in/train-labels-idx1-ubyte"), labels);
  EXPECT_THAT(refused(build_from_idx), HasSubstr("goes on"));
}

TEST_F(BuildTest, RefusesCompressedFilesThatAreDamaged) {
  write_idx();
  const std::string name = path("in/t10k-images-idx3-ubyte.gz");
  const Bytes whole = read_file(name);
  for (std::size_t i = 10; i < whole.size(); i += 4) {  // after gzip's header, which says nothing of the content
    Bytes damaged = whole;
    damaged[i] ^= 0x10;
    write_file(name, damaged);
    EXPECT_THAT(refused(build_from_idx), HasSubstr(name)) << "byte " << i;
  }
}

TEST_F(BuildTest, KeepsCifar10) {
  write_cifar10();
  write_file(path("in/batches.meta.txt"), "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  const BuildResult result = build_from_cifar10(options());
  EXPECT_EQ(result.train, 10);
  EXPECT_EQ(result.test, 2);
  const DataSet train(path("out/train"));
  const DataSet test(path("out/test"));
  EXPECT_EQ(train.info().channels, 3);
  EXPECT_EQ(train.info().height, 32);
  EXPECT_EQ(train.info().width, 32);
  EXPECT_EQ(train.info().classes[9], "truck");
  EXPECT_EQ(test.info().mean, train.info().mean);
  std::string buffer;
  const Bytes pixels = noise(2 * 3072, 3);
  const Example seventh = train.read(7, buffer);
  EXPECT_EQ(seventh.label, 4);
  EXPECT_EQ(Bytes(seventh.pixels.begin(), seventh.pixels.end()), Bytes(pixels.begin() + 3072, pixels.end()));
}

TEST_F(BuildTest, RefusesBrokenCifar10) {
  write_cifar10();
  const std::string name = path("in/data_batch_3.bin");
  const Bytes whole = read_file(name);
  write_file(name, Bytes(whole.begin(), whole.end() - 1));
  EXPECT_THAT(refused(build_from_cifar10), AllOf(HasSubstr(name), HasSubstr("multiple of 3073")));
  Bytes mislabelled = whole;
  mislabelled[3073] = 10;
  write_file(name, mislabelled);
  EXPECT_THAT(refused(build_from_cifar10), AllOf(HasSubstr(name), HasSubstr("label 10 of example 1")));
  write_file(name, Bytes{});
  EXPECT_THAT(refused(build_from_cifar10), HasSubstr(name));
  fs::remove(name);
  EXPECT_THAT(refused(build_from_cifar10), AllOf(HasSubstr(name), HasSubstr("--images")));
  fs::create_directory(name);
  EXPECT_THAT(refused(build_from_cifar10), HasSubstr(name));
}

TEST_F(BuildTest, LeavesBrokenCifar10RecordsOutWhereAskedTo) {
  write_cifar10();
  const std::string name = path("in/data_batch_3.bin");
  Bytes records = read_file(name);
  records[0] = 10;
  records.insert(records.end(), 100, 0);
  write_file(name, records);
  BuildOptions skipping = options();
  skipping.skip_broken = true;
  const BuildResult result = build_from_cifar10(skipping);
  EXPECT_EQ(result.train, 9);
  EXPECT_EQ(result.test, 2);
  EXPECT_EQ(result.broken, 2);
  EXPECT_THAT(result.first_broken, HasSubstr("no multiple of 3073"));
}

TEST_F(BuildTest, NeverWritesOverASet) {
  write_idx();
  build_from_idx(options());
  const std::vector<std::string> before = everything();
  EXPECT_THAT(error_of([&] { build_from_idx(options()); }, bosen::ErrorKind::kStorage),
              AllOf(HasSubstr(path("out")), HasSubstr("--output")));
  EXPECT_EQ(everything(), before);
}

TEST_F(BuildTest, TakesTheFolderThatAKilledBuildLeft) {
  write_idx();
  write_file(path("out.partial/train/CURRENT"), "MANIFEST-000001\n");
  EXPECT_EQ(build_from_idx(options()).train, 12);
  EXPECT_FALSE(fs::exists(path("out.partial")));
}

TEST_F(BuildTest, LetsOneProcessWriteASet) {
  write_idx();
  OutputFolder other(path("out"));
  write_file(other.path() + "/mine", "text");
  EXPECT_THAT(error_of([&] { build_from_idx(options()); }, bosen::ErrorKind::kStorage),
              HasSubstr("another process is writing it"));
  EXPECT_TRUE(fs::exists(other.path() + "/mine"));
  other.complete();
  EXPECT_TRUE(fs::exists(path("out/mine")));
}

TEST_F(BuildTest, TakesAFolderNamedWithASlash) {
  write_idx();
  BuildOptions slash = options();
  slash.output += "/";
  build_from_idx(slash);
  EXPECT_EQ(DataSet(path("out/train")).info().examples, 12);
}

}  // namespace
}  // namespace poseidon
