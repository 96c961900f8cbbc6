#pragma once

// Files as people have them, and data sets, in a folder of a test's own.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bosen/error.h"
#include "poseidon/data/data_set.h"

namespace poseidon {

using Bytes = std::vector<std::uint8_t>;

/// Bytes that depend on the seed alone.
Bytes noise(std::size_t count, std::uint64_t seed);

Bytes read_file(const std::filesystem::path& path);
/// Makes the folders above it too.
void write_file(const std::filesystem::path& path, const Bytes& bytes);
void write_file(const std::filesystem::path& path, const std::string& text);
Bytes gzipped(const Bytes& bytes);
/// Interleaved pixels of one (grey) or three channels.
Bytes jpeg(const Bytes& pixels, int channels, int height, int width);
/// The same, or of four channels (with transparency).
Bytes png(const Bytes& pixels, int channels, int height, int width);
Bytes png_of_16_bits(const std::vector<std::uint16_t>& greys, int height, int width);

class DataTest : public ::testing::Test {
 protected:
  DataTest();
  ~DataTest() override;

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// A finished set of `count` examples of noise; labels 0, 1, 2, 0, 1 ...; three classes. Returns its path.
  [[nodiscard]] std::string make_set(const std::string& name, std::int64_t count, std::int64_t channels,
                                     std::int64_t height, std::int64_t width) const;
  /// Pixels of an example of such a set.
  static Bytes pixels_of(std::int64_t example, std::int64_t count) {
    return noise(static_cast<std::size_t>(count), static_cast<std::uint64_t>(example) + 1);
  }

  /// Names of everything below the test's folder, in order.
  [[nodiscard]] std::vector<std::string> everything() const;

  static std::string error_of(const std::function<void()>& action, bosen::ErrorKind kind = bosen::ErrorKind::kData);

  const std::filesystem::path folder_;
};

}  // namespace poseidon
