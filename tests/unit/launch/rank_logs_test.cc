#include "bosen/launch/rank_logs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

class RankLogsTest : public ::testing::Test {
 protected:
  RankLogsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bosen-rank-logs-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RankLogsTest() override { std::filesystem::remove_all(folder_); }

  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
};

TEST_F(RankLogsTest, KeepsEachStreamByteForByte) {
  {
    RankLogs logs(folder_ + "/new/logs", 2);
    EXPECT_EQ(logs.write(1, Stream::kOut, std::string_view("a\0b", 3)), "");
    EXPECT_EQ(logs.write(1, Stream::kErr, "why\n"), "");
    EXPECT_EQ(logs.write(1, Stream::kOut, "c"), "");
  }
  EXPECT_EQ(content(folder_ + "/new/logs/rank-1.out"), std::string("a\0bc", 4));
  EXPECT_EQ(content(folder_ + "/new/logs/rank-1.err"), "why\n");
  EXPECT_EQ(content(folder_ + "/new/logs/rank-0.out"), "");
}

TEST_F(RankLogsTest, EmptiesTheFilesOfAnEarlierJob) {
  static_cast<void>(RankLogs(folder_, 1).write(0, Stream::kOut, "old"));
  const RankLogs again(folder_, 1);
  EXPECT_EQ(content(folder_ + "/rank-0.out"), "");
}

TEST_F(RankLogsTest, AppendsToThoseOfAJobThatIsStartedAgain) {
  static_cast<void>(RankLogs(folder_, 1).write(0, Stream::kOut, "first,"));
  static_cast<void>(RankLogs(folder_, 1, RankLogs::Mode::kAppend).write(0, Stream::kOut, "second"));
  EXPECT_EQ(content(folder_ + "/rank-0.out"), "first,second");
}

TEST_F(RankLogsTest, LeavesNothingOfRanksThatOnlyALargerEarlierJobHad) {
  static_cast<void>(RankLogs(folder_, 4));
  std::ofstream(folder_ + "/rank-notes.out") << "mine";
  const RankLogs again(folder_, 2);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"rank-0.err", "rank-0.out", "rank-1.err", "rank-1.out", "rank-notes.out"}));
}

TEST_F(RankLogsTest, PointsToTheStreamThatSaysSomething) {
  RankLogs logs(folder_, 3);
  EXPECT_EQ(logs.write(0, Stream::kOut, "x"), "");
  EXPECT_EQ(logs.write(1, Stream::kErr, "x"), "");
  EXPECT_EQ(logs.path_to_read(0), folder_ + "/rank-0.out");
  EXPECT_EQ(logs.path_to_read(1), folder_ + "/rank-1.err");
  EXPECT_EQ(logs.path_to_read(2), folder_ + "/rank-2.err");
}

TEST_F(RankLogsTest, WritesNothingWithoutAFolder) {
  RankLogs logs("", 1);
  EXPECT_EQ(logs.write(0, Stream::kOut, "x"), "");
  EXPECT_EQ(logs.path_to_read(0), "");
}

TEST_F(RankLogsTest, RefusesAFolderThatCannotBeMade) {
  std::ofstream(folder_ + "/file") << "text";
  try {
    const RankLogs logs(folder_ + "/file/logs", 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kStorage);
    EXPECT_NE(std::string(error.what()).find("cannot make the output folder"), std::string::npos);
  }
}

TEST_F(RankLogsTest, SaysOnceThatADiskIsFull) {
  std::filesystem::create_symlink("/dev/full", folder_ + "/rank-0.out");
  RankLogs logs(folder_, 1);
  EXPECT_TRUE(logs.are_complete());
  EXPECT_NE(logs.write(0, Stream::kOut, "x").find("No space left on device"), std::string::npos);
  EXPECT_EQ(logs.write(0, Stream::kOut, "x"), "");
  EXPECT_FALSE(logs.are_complete());
}

}  // namespace
}  // namespace bosen::launch
