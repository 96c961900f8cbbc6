#include "poseidon/data/build.h"

#include <gmock/gmock.h>
#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <fstream>

#include "poseidon/data/image_file.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BuildTest : public DataTest {
 protected:
  BuildTest() {
    options_.images = folder_ + "/images";
    options_.output = folder_ + "/output";
    options_.progress = [this](const std::string&, std::int64_t done, std::int64_t) { last_done_ = done; };
    std::filesystem::create_directories(options_.images);
  }

  void write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path path = options_.images + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  static std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
  }

  static std::string idx_images(std::uint32_t count) {
    std::string text = big_endian(0x803) + big_endian(count) + big_endian(2) + big_endian(3);
    for (std::uint32_t i = 0; i < 6 * count; ++i) text += static_cast<char>(i);
    return text;
  }
  static std::string idx_labels(std::uint32_t count) {
    std::string text = big_endian(0x801) + big_endian(count);
    for (std::uint32_t i = 0; i < count; ++i) text += static_cast<char>(i % 10);
    return text;
  }
  void write_idx(const std::string& prefix, std::uint32_t count) const {
    write(prefix + "-images-idx3-ubyte", idx_images(count));
    write(prefix + "-labels-idx1-ubyte", idx_labels(count));
  }

  /// A file of one colour.
  static std::string jpeg(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < width * height; ++i) pixels.insert(pixels.end(), {red, green, blue});
    const tjhandle encoder = tjInitCompress();
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    tjCompress2(encoder, pixels.data(), width, 0, height, TJPF_RGB, &bytes, &size, TJSAMP_444, 95, 0);
    std::string text(reinterpret_cast<char*>(bytes), size);
    tjFree(bytes);
    tjDestroy(encoder);
    return text;
  }
  static std::string png(int width, int height, std::uint8_t grey) {
    const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height), grey);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width);
    image.height = static_cast<png_uint_32>(height);
    image.format = PNG_FORMAT_GRAY;
    png_alloc_size_t size = 0;
    png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
    std::string text(size, '\0');
    png_image_write_to_memory(&image, text.data(), &size, 0, pixels.data(), 0, nullptr);
    return text;
  }

  void expect_nothing_left() const {
    EXPECT_FALSE(std::filesystem::exists(options_.output));
    EXPECT_FALSE(std::filesystem::exists(options_.output + ".partial"));
  }

  BuildOptions options_;
  std::int64_t last_done_ = 0;
};

TEST_F(BuildTest, IdxFiles) {
  write_idx("train", 25);
  write_idx("t10k", 5);
  const BuildResult result = build_from_idx(options_);
  EXPECT_EQ(result.train, 25);
  EXPECT_EQ(result.test, 5);
  EXPECT_EQ(last_done_, 5);
  const DataSet set(options_.output + "/train");
  std::string buffer;
  const Example example = set.read(3, buffer);
  EXPECT_EQ(example.label, 3);
  EXPECT_EQ(example.pixels[0], 18);
  EXPECT_EQ(set.info().width, 3);
}

TEST_F(BuildTest, CompressedIdxFilesAndOnesCutShort) {
  write_idx("train", 25);
  write_idx("t10k", 5);
  const std::string plain = options_.images + "/train-images-idx3-ubyte";
  const gzFile file = gzopen((plain + ".gz").c_str(), "wb");
  const std::string bytes = idx_images(25);
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  std::filesystem::remove(plain);
  EXPECT_EQ(build_from_idx(options_).train, 25);
  std::filesystem::remove_all(options_.output);
  std::filesystem::resize_file(plain + ".gz", std::filesystem::file_size(plain + ".gz") / 2);
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }),
              AllOf(HasSubstr("train-images-idx3-ubyte.gz"), HasSubstr("fetch it again")));
  expect_nothing_left();
}

TEST_F(BuildTest, WrongIdxFiles) {
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }), HasSubstr("cannot be read"));
  write_idx("train", 25);
  write_idx("t10k", 5);
  write("train-images-idx3-ubyte", idx_labels(25));
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }), HasSubstr("it begins with 0x00000801, not 0x00000803"));
  write_idx("train", 25);
  write("train-labels-idx1-ubyte", idx_labels(24));
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }), HasSubstr("has 24 labels for 25 images"));
  write("train-labels-idx1-ubyte", big_endian(0x801) + big_endian(25) + std::string(25, '\x0A'));
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }), HasSubstr("label 10 of example 0 is out of range"));
  expect_nothing_left();
}

TEST_F(BuildTest, Cifar10) {
  std::string batch;
  for (int i = 0; i < 4; ++i) batch += static_cast<char>(i) + std::string(3072, static_cast<char>(10 * i));
  for (int number = 1; number <= 5; ++number) write("data_batch_" + std::to_string(number) + ".bin", batch);
  write("test_batch.bin", batch);
  write("batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  EXPECT_EQ(build_from_cifar10(options_).train, 20);
  const DataSet set(options_.output + "/test");
  EXPECT_EQ(set.info().classes[2], "bird");
  std::string buffer;
  EXPECT_EQ(set.read(2, buffer).pixels[3071], 20);
  std::filesystem::remove_all(options_.output);
  write("data_batch_3.bin", batch.substr(0, 5000));
  EXPECT_THAT(error_of([&] { build_from_cifar10(options_); }), HasSubstr("data_batch_3.bin: has 5000 bytes"));
  expect_nothing_left();
}

TEST_F(BuildTest, FoldersOfImages) {
  write("train/red/a.jpg", jpeg(20, 10, 250, 5, 5));
  write("train/red/b.JPEG", jpeg(8, 8, 250, 5, 5));
  write("train/white/c.png", png(9, 4, 255));
  write("train/white/notes.txt", "no image");
  write("test/red/d.jpg", jpeg(16, 16, 250, 5, 5));
  options_.height = 6;
  options_.width = 7;
  const BuildResult result = build_from_images(options_);
  EXPECT_EQ(result.train, 3);
  EXPECT_EQ(result.test, 1);
  const DataSet set(options_.output + "/train");
  EXPECT_EQ(set.info().classes, (std::vector<std::string>{"red", "white"}));
  EXPECT_EQ(set.info().channels, 3);
  std::string buffer;
  for (std::int64_t i = 0; i < 3; ++i) {
    const Example example = set.read(i, buffer);
    EXPECT_NEAR(example.pixels[0], example.label == 0 ? 250 : 255, 4);
    EXPECT_NEAR(example.pixels[2 * 42 + 41], example.label == 0 ? 5 : 255, 4);
  }
}

TEST_F(BuildTest, BrokenImagesAreRefusedOrCounted) {
  write("train/a/1.jpg", jpeg(8, 8, 1, 2, 3));
  write("train/a/2.jpg", jpeg(8, 8, 1, 2, 3).substr(0, 200));
  write("train/a/3.png", "\x89PNG\r\n\x1a\n and then nothing");
  write("train/a/4.jpg", "");
  write("test/a/1.jpg", jpeg(8, 8, 1, 2, 3));
  EXPECT_THAT(error_of([&] { build_from_images(options_); }), HasSubstr("--broken skip"));
  expect_nothing_left();
  options_.skip_broken = true;
  const BuildResult result = build_from_images(options_);
  EXPECT_EQ(result.train, 1);
  EXPECT_EQ(result.broken, 3);
  EXPECT_THAT(result.first_broken, HasSubstr("train/a/"));
}

TEST_F(BuildTest, RefusesAnOutputThatIsThere) {
  std::filesystem::create_directories(options_.output);
  EXPECT_THAT(error_of([&] { build_from_idx(options_); }), HasSubstr("is there already"));
}

TEST(ImageFileTest, ResizingKeepsTheMean) {
  Image image{1, 10, 12, {}};
  for (int i = 0; i < 120; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i * 2));
  const auto mean = [](const Image& one) {
    double sum = 0;
    for (const std::uint8_t pixel : one.pixels) sum += pixel;
    return sum / static_cast<double>(one.pixels.size());
  };
  for (const auto& [height, width] : {std::pair(5, 6), std::pair(3, 4), std::pair(20, 30), std::pair(10, 12)}) {
    const Image resized = resize(image, height, width);
    EXPECT_EQ(resized.pixels.size(), static_cast<std::size_t>(height * width));
    EXPECT_NEAR(mean(resized), mean(image), 3) << height << " x " << width;
  }
  EXPECT_EQ(resize(image, 10, 12).pixels, image.pixels);
}

}  // namespace
}  // namespace poseidon::test
