#pragma once

// A folder for each test, and small data sets in it.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bosen/error.h"
#include "poseidon/data/data_set.h"
#include "poseidon/data/data_set_writer.h"

namespace poseidon::test {

class DataTest : public ::testing::Test {
 protected:
  DataTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "poseidon-data-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~DataTest() override { std::filesystem::remove_all(folder_); }

  /// Example i has the label i % classes; pixel k of it is (7 i + k) % 256.
  std::string write_set(std::int64_t examples, std::int64_t channels = 1, std::int64_t height = 4,
                        std::int64_t width = 5) {
    const std::string path = folder_ + "/set";
    DataSetWriter writer(path,
                         {.channels = channels, .height = height, .width = width, .classes = {"cat", "dog", "emu"}});
    for (std::int64_t i = 0; i < examples; ++i)
      writer.add(pixels(i, channels * height * width), static_cast<std::int32_t>(i % 3));
    writer.finish();
    return path;
  }

  static std::vector<std::uint8_t> pixels(std::int64_t example, std::int64_t count) {
    std::vector<std::uint8_t> values;
    for (std::int64_t k = 0; k < count; ++k) values.push_back(static_cast<std::uint8_t>(7 * example + k));
    return values;
  }

  /// What the action throws; "" where it does not.
  template <class Action>
  static std::string error_of(const Action& action) {
    try {
      action();
    } catch (const bosen::Error& error) {
      return error.what();
    }
    return "";
  }

  std::string folder_;
};

}  // namespace poseidon::test
