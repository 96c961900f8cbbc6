#include "apps/common/input_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "bosen/error.h"

namespace apps {
namespace {

using testing::HasSubstr;

class InputFileTest : public ::testing::Test {
 protected:
  ~InputFileTest() override { std::filesystem::remove(path_); }

  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }

  void write_compressed(const std::string& text) {
    gzFile file = ::gzopen(path_.c_str(), "wb");
    ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
  }

  static std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const bosen::Error& error) {
      EXPECT_EQ(error.kind(), bosen::ErrorKind::kData);
      return error.what();
    }
    return "no error";
  }

  std::string path_ = testing::TempDir() + "input_file_test_" + std::to_string(::getpid());
};

TEST_F(InputFileTest, ReadsPlainAndCompressedFilesAlike) {
  const std::string text(1'000'000, 'x');
  write(text);
  EXPECT_EQ(read_text(path_), text);
  write_compressed(text);
  EXPECT_LT(std::filesystem::file_size(path_), text.size() / 10);
  EXPECT_EQ(read_text(path_), text);
}

TEST_F(InputFileTest, LeavesOutAByteOrderMark) {
  write("\xEF\xBB\xBFword\n");
  EXPECT_EQ(read_text(path_), "word\n");
  write_compressed("\xEF\xBB\xBFword\n");
  EXPECT_EQ(read_text(path_), "word\n");
}

TEST_F(InputFileTest, RefusesAFileThatIsNotThere) {
  EXPECT_EQ(error_of([] { read_text("/nowhere/x"); }), "/nowhere/x: cannot be read: No such file or directory");
  EXPECT_EQ(error_of([] { read_text("/tmp"); }), "/tmp: is a folder, not a file");
}

TEST_F(InputFileTest, RefusesACompressedFileThatWasCutShort) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i * i % 977);
  write_compressed(text);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_THAT(error_of([&] { read_text(path_); }), HasSubstr("was cut short"));
}

TEST_F(InputFileTest, RefusesACompressedFileThatIsDamaged) {
  write_compressed(std::string(1000, 'x'));
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(12);
  file << "damage";
  file.close();
  EXPECT_THAT(error_of([&] { read_text(path_); }), HasSubstr("is damaged"));
}

TEST_F(InputFileTest, ReadsWordsLineByLine) {
  LineReader line("f", "a  b\tc\r\n\nlast");
  constexpr Separators blanks(" \t");
  ASSERT_TRUE(line.next());
  EXPECT_EQ(line.word(blanks), "a");
  EXPECT_EQ(line.word(blanks), "b");
  EXPECT_EQ(line.word(blanks), "c");
  EXPECT_EQ(line.word(blanks), "");
  ASSERT_TRUE(line.next());
  EXPECT_EQ(line.word(blanks), "");
  ASSERT_TRUE(line.next());
  EXPECT_EQ(line.line_number(), 3U);
  EXPECT_EQ(line.word(blanks), "last");
  EXPECT_FALSE(line.next());
}

TEST_F(InputFileTest, NamesThePlaceOfTheWordItRefuses) {
  LineReader line("f.txt", "ok\nok bad\n");
  line.next();
  line.next();
  line.word(Separators(" "));
  line.word(Separators(" "));
  EXPECT_EQ(error_of([&] { line.refuse("is wrong"); }), "f.txt:2:4: is wrong");
}

TEST_F(InputFileTest, ShowsForeignTextSafely) {
  EXPECT_EQ(shown("a\x1b[31m\n"), "a?[31m?");
  EXPECT_EQ(shown(std::string(100, 'a')), std::string(24, 'a') + "...");
}

}  // namespace
}  // namespace apps
