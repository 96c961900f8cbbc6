#include "apps/common/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bosen/error.h"

namespace apps {
namespace {

class NpyTest : public ::testing::Test {
 protected:
  ~NpyTest() override { std::filesystem::remove(path_); }

  [[nodiscard]] std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path_ = testing::TempDir() + "npy_test_" + std::to_string(::getpid()) + ".npy";
};

TEST_F(NpyTest, WritesTheHeaderOfFormatOneAndThenTheData) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  write_npy<float>(path_, values, {2, 3});
  const std::string text = content();
  EXPECT_EQ(text.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t length = static_cast<unsigned char>(text[8]) + 256U * static_cast<unsigned char>(text[9]);
  EXPECT_EQ((10 + length) % 64, 0U);
  EXPECT_EQ(text.substr(10, 60), "{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), } ");
  EXPECT_EQ(text[10 + length - 1], '\n');
  ASSERT_EQ(text.size(), 10 + length + sizeof(float) * values.size());
  EXPECT_EQ(std::memcmp(text.data() + 10 + length, values.data(), sizeof(float) * values.size()), 0);
}

TEST_F(NpyTest, WritesAScalarAsAnEmptyShape) {
  write_npy<double>(path_, std::vector<double>{3.5}, {});
  EXPECT_NE(content().find("'descr': '<f8', 'fortran_order': False, 'shape': (), }"), std::string::npos);
}

TEST_F(NpyTest, LeavesNothingBehindWhereItCannotWrite) {
  EXPECT_THROW(write_npy<float>("/nowhere/x.npy", std::vector<float>{1}, {1}), bosen::Error);
  std::filesystem::create_directory(path_);
  EXPECT_THROW(write_npy<float>(path_, std::vector<float>{1}, {1}), bosen::Error);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".partial"));
}

}  // namespace
}  // namespace apps
