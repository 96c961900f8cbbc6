#include "bosen/runtime/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

namespace bosen::runtime {
namespace {

class CheckpointWriterTest : public ::testing::Test {
 protected:
  CheckpointWriterTest() : path_(::testing::TempDir() + "/checkpoint-writer-test"), folder_(path_ + "/checkpoints") {
    std::filesystem::remove_all(path_);
  }
  ~CheckpointWriterTest() override { std::filesystem::remove_all(path_); }

  /// Of process `rank`, one of those that only serve rows.
  [[nodiscard]] std::unique_ptr<CheckpointWriter> server(Rank rank) const {
    CheckpointWriter::Settings settings;
    settings.folder = folder_.path();
    settings.head = {.id = {.clock = 0, .job = 7},
                     .program = "test",
                     .rank = rank,
                     .processes = 3,
                     .workers = {1},
                     .rank_of_shard = {1, 2},
                     .tables = {}};
    settings.shards = 1;
    return std::make_unique<CheckpointWriter>(
        std::move(settings), CheckpointWriter::Listener{.on_failure = [](const Error&) { FAIL(); }, .on_idle = [] {}});
  }

  static void save(CheckpointWriter& writer, Clock clock) {
    wire::ShardSnapshot snapshot;
    snapshot.clock = clock;
    writer.add(0, std::move(snapshot));
    writer.await_idle();
  }

  const std::string path_;
  const store::CheckpointFolder folder_;
};

TEST_F(CheckpointWriterTest, AServerThatIsLateRemovesNothingOfOneThatIsAhead) {
  const auto quick = server(1);
  const auto slow = server(2);
  save(*quick, 20);
  save(*quick, 40);
  save(*slow, 20);
  EXPECT_TRUE(folder_.has(40, 1));
}

TEST_F(CheckpointWriterTest, AServerKeepsWhatTheJobGoesOnFromWhileAnotherOneIsLate) {
  const auto quick = server(1);
  const auto slow = server(2);
  save(*quick, 20);
  save(*slow, 20);
  save(*quick, 40);
  save(*quick, 60);
  EXPECT_TRUE(folder_.has(20, 1) && folder_.has(20, 2)) << "40 is not whole";
  save(*quick, 80);
  EXPECT_FALSE(folder_.has(20, 1)) << "nobody comes to 80 before 40 is whole";
}

}  // namespace
}  // namespace bosen::runtime
