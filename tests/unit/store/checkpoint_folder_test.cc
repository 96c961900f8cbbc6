#include "bosen/store/checkpoint_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "bosen/base/error.h"
#include "tests/support/error_message.h"

namespace bosen::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kJob = 7;

class CheckpointFolderTest : public ::testing::Test {
 protected:
  CheckpointFolderTest()
      : output_(::testing::TempDir() + "/checkpoint-folder-test"), folder_(output_ + "/checkpoints") {
    fs::remove_all(output_);
    fs::create_directories(output_);
  }
  ~CheckpointFolderTest() override { fs::remove_all(output_); }

  void write(Clock clock, Rank rank, int processes, std::uint64_t job = kJob) {
    CheckpointPart part;
    part.head = {.id = {.clock = clock, .job = job},
                 .program = "test",
                 .rank = rank,
                 .processes = processes,
                 .workers = std::vector<int>(static_cast<std::size_t>(processes), 1),
                 .rank_of_shard = {0},
                 .tables = {}};
    folder_.write(part);
  }

  const std::string output_;
  const CheckpointFolder folder_;
};

TEST_F(CheckpointFolderTest, FindsWhatAUserMeans) {
  write(20, 0, 1);
  write(100, 0, 1);
  for (const std::string& named : {output_, output_ + "/", output_ + "/checkpoints"}) {
    EXPECT_THAT(CheckpointFolder::find(named).clocks(), ElementsAre(20, 100)) << named;
  }
  for (const std::string& named : {output_ + "/checkpoints/clock-20", output_ + "/checkpoints/clock-20/"}) {
    EXPECT_THAT(CheckpointFolder::find(named).usable(0, 1), ElementsAre(CheckpointId{20, kJob})) << named;
  }
  EXPECT_THAT(error_message([&] { CheckpointFolder::find(output_ + "/nowhere"); }), HasSubstr("is not there"));
  fs::create_directory(output_ + "/empty");
  EXPECT_THAT(error_message([&] { CheckpointFolder::find(output_ + "/empty"); }), HasSubstr("holds no checkpoint"));
}

TEST_F(CheckpointFolderTest, TakesNothingElseForACheckpoint) {
  for (const char* name : {"clock-", "clock-x", "clock-3x", "clock--3", "clock-0", "clocks-3"}) {
    fs::create_directories(folder_.path() + "/" + name);
  }
  EXPECT_THAT(folder_.clocks(), IsEmpty());
}

TEST_F(CheckpointFolderTest, AProcessCanUseItsOwnFileWhereAsManyMadeIt) {
  write(20, 1, 3);
  EXPECT_THAT(folder_.usable(1, 3), ElementsAre(CheckpointId{20, kJob}));
  EXPECT_THAT(folder_.usable(0, 3), IsEmpty());
  EXPECT_THAT(folder_.usable(1, 2), IsEmpty());
}

TEST_F(CheckpointFolderTest, AnyProcessCanUseAllFilesTogether) {
  for (const Rank rank : {0, 1, 2}) write(20, rank, 3);
  for (const Rank rank : {0, 1}) write(40, rank, 3);
  EXPECT_THAT(folder_.usable(1, 3), ElementsAre(CheckpointId{40, kJob}, CheckpointId{20, kJob}));
  EXPECT_THAT(folder_.usable(0, 2), ElementsAre(CheckpointId{20, kJob}));
  EXPECT_THAT(folder_.usable(5, 8), ElementsAre(CheckpointId{20, kJob}));
}

TEST_F(CheckpointFolderTest, FilesOfDifferentRunsAreNoCheckpoint) {
  write(20, 0, 2, kJob);
  write(20, 1, 2, kJob + 1);
  EXPECT_FALSE(folder_.is_whole({20, kJob}));
  EXPECT_THAT(folder_.usable(0, 1), IsEmpty());
  write(20, 0, 2, kJob + 1);
  EXPECT_TRUE(folder_.is_whole({20, kJob + 1}));
}

TEST_F(CheckpointFolderTest, ADamagedFileCannotBeUsed) {
  write(20, 0, 1);
  write(40, 0, 1);
  std::ofstream(folder_.file(40, 0)) << "nonsense";
  EXPECT_THAT(folder_.usable(0, 1), ElementsAre(CheckpointId{20, kJob}));
}

TEST_F(CheckpointFolderTest, FilesOfALargerJobDoNotHideTheCheckpointOfASmallerOne) {
  write(40, 2, 4, kJob);
  for (const Rank rank : {0, 1}) write(40, rank, 2, kJob + 1);
  EXPECT_THAT(folder_.usable(2, 4), ElementsAre(CheckpointId{40, kJob}, CheckpointId{40, kJob + 1}));
  EXPECT_THAT(folder_.usable(0, 4), ElementsAre(CheckpointId{40, kJob + 1}));
  EXPECT_THAT(folder_.usable(1, 2), ElementsAre(CheckpointId{40, kJob + 1}));
}

TEST_F(CheckpointFolderTest, KeepsACheckpointAndTheOneBefore) {
  for (const Clock clock : {20, 40, 60, 80}) write(clock, 0, 1);
  folder_.tidy_up({40, 60});
  EXPECT_THAT(folder_.clocks(), ElementsAre(40, 60)) << "80 is of a run that went another way";
  folder_.tidy_up({40});
  EXPECT_THAT(folder_.clocks(), ElementsAre(40));
}

TEST_F(CheckpointFolderTest, KeepsTheOneThatTheRunWentOnFromAndNoneBetween) {
  for (const Clock clock : {20, 25, 30}) write(clock, 0, 1);
  folder_.tidy_up({20, 30});
  EXPECT_THAT(folder_.clocks(), ElementsAre(20, 30)) << "25 is of a run that went another way";
}

TEST_F(CheckpointFolderTest, RemovesFilesOfOneProcess) {
  for (const Clock clock : {20, 40, 60, 80}) {
    for (const Rank rank : {0, 1}) write(clock, rank, 2);
  }
  fs::remove(folder_.file(20, 1));
  folder_.tidy_up({40, 60}, 0);
  EXPECT_THAT(folder_.clocks(), ElementsAre(40, 60, 80));
  EXPECT_TRUE(folder_.has(40, 0));
  EXPECT_TRUE(folder_.has(60, 0));
  EXPECT_FALSE(folder_.has(80, 0)) << "it is of a run that went another way";
  EXPECT_TRUE(folder_.has(80, 1)) << "another process's may be newer";
}

TEST_F(CheckpointFolderTest, NewerOnesThatAreSetAsideCountNoMoreAndGoWithTheNext) {
  for (const Clock clock : {20, 40, 60}) write(clock, 0, 1);
  EXPECT_EQ(folder_.set_aside_after(20), 60);
  EXPECT_THAT(folder_.usable(0, 1), ElementsAre(CheckpointId{20, kJob}));
  EXPECT_TRUE(fs::exists(folder_.path() + "/clock-60.left"));
  EXPECT_EQ(folder_.set_aside_after(20), std::nullopt);

  write(40, 0, 1);
  EXPECT_EQ(folder_.set_aside_after(20), 40) << "though one of that clock is aside";
  write(30, 0, 1);
  fs::create_directories(folder_.path() + "/mine.left");
  folder_.tidy_up({20, 30});
  EXPECT_THAT(folder_.clocks(), ElementsAre(20, 30));
  EXPECT_FALSE(fs::exists(folder_.path() + "/clock-60.left"));
  EXPECT_TRUE(fs::exists(folder_.path() + "/mine.left"));
}

}  // namespace
}  // namespace bosen::store
