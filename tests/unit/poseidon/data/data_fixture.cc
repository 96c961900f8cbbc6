#include "tests/unit/poseidon/data/data_fixture.h"

#include <png.h>
#include <turbojpeg.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>

#include "poseidon/data/data_set_writer.h"

namespace poseidon {
namespace fs = std::filesystem;

Bytes noise(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 32);
  return bytes;
}

Bytes read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const fs::path& path, const Bytes& bytes) { write_file(path, std::string(bytes.begin(), bytes.end())); }

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

Bytes gzipped(const Bytes& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes result(deflateBound(&stream, bytes.size()) + 32);
  Bytes input = bytes;
  stream.next_in = input.data();
  stream.avail_in = static_cast<unsigned>(input.size());
  stream.next_out = result.data();
  stream.avail_out = static_cast<unsigned>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

Bytes jpeg(const Bytes& pixels, int channels, int height, int width) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), tjDestroy);
  unsigned char* encoded = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(encoder.get(), pixels.data(), width, 0, height, channels == 1 ? TJPF_GRAY : TJPF_RGB, &encoded,
                        &size, channels == 1 ? TJSAMP_GRAY : TJSAMP_444, 95, 0),
            0);
  Bytes result(encoded, encoded + size);
  tjFree(encoded);
  return result;
}

Bytes png(const Bytes& pixels, int channels, int height, int width) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  png_alloc_size_t size = 0;
  EXPECT_NE(png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr), 0);
  Bytes result(size);
  EXPECT_NE(png_image_write_to_memory(&image, result.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  result.resize(size);
  return result;
}

Bytes png_of_16_bits(const std::vector<std::uint16_t>& greys, int height, int width) {
  Bytes result;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &result,
      [](png_structp to, png_bytep data, png_size_t size) {
        auto& bytes = *static_cast<Bytes*>(png_get_io_ptr(to));
        bytes.insert(bytes.end(), data, data + size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 16, PNG_COLOR_TYPE_GRAY,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < height; ++y) {
    Bytes row;
    for (int x = 0; x < width; ++x) {
      const std::uint16_t grey = greys[static_cast<std::size_t>(y * width + x)];
      row.push_back(static_cast<std::uint8_t>(grey >> 8U));
      row.push_back(static_cast<std::uint8_t>(grey & 0xFFU));
    }
    png_write_row(png, row.data());
  }
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return result;
}

DataTest::DataTest()
    : folder_(fs::path(testing::TempDir()) / ("poseidon_data_" + std::to_string(::getpid()) + "_" +
                                              testing::UnitTest::GetInstance()->current_test_info()->name())) {
  fs::remove_all(folder_);
  fs::create_directories(folder_);
}

DataTest::~DataTest() { fs::remove_all(folder_); }

std::string DataTest::make_set(const std::string& name, std::int64_t count, std::int64_t channels, std::int64_t height,
                               std::int64_t width) const {
  DataSetWriter writer(path(name),
                       {.channels = channels, .height = height, .width = width, .classes = {"ant", "bee", "cat"}});
  for (std::int64_t i = 0; i < count; ++i) {
    writer.add(pixels_of(i, channels * height * width), static_cast<std::int32_t>(i % 3));
  }
  writer.finish();
  return path(name);
}

std::vector<std::string> DataTest::everything() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    names.push_back(entry.path().lexically_relative(folder_).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string DataTest::error_of(const std::function<void()>& action, bosen::ErrorKind kind) {
  try {
    action();
  } catch (const bosen::Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "no error";
}

}  // namespace poseidon
