// What apps call for checkpoints, in a job of one process that is run, and run again to go on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bosen/bosen.h"

namespace bosen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : output_(testing::TempDir() + "/checkpoint-test") { std::filesystem::remove_all(output_); }
  ~CheckpointTest() override { std::filesystem::remove_all(output_); }

  /// What the app says on stderr where its workers do this.
  std::string run(const std::vector<std::string>& flags, const std::function<void(Worker&, Table<float>&)>& work) {
    std::vector<const char*> arguments = {"test"};
    for (const std::string& flag : flags) arguments.push_back(flag.c_str());
    App app("test", "Tests");
    app.makes_checkpoints();
    testing::internal::CaptureStderr();
    app.run(static_cast<int>(arguments.size()), arguments.data(), [&](Cluster& cluster) {
      auto table = cluster.create_table<float>("sums", {.width = 1, .updater = {.name = "sgd", .learning_rate = 1}});
      cluster.run_workers([&](Worker& worker) { work(worker, table); });
    });
    return testing::internal::GetCapturedStderr();
  }

  std::string save(const std::string& workers, const std::function<void(Worker&, Table<float>&)>& work) {
    return run({"--output", output_, "--checkpoint-every", "2", "--workers", workers}, work);
  }
  std::string go_on(const std::string& workers, const std::function<void(Worker&, Table<float>&)>& work) {
    return run({"--resume", output_, "--workers", workers}, work);
  }

  const std::string output_;
};

/// Three clocks, of which the last is lost.
void work(Worker& worker, Table<float>& table, const std::function<void(Worker&)>& keep) {
  keep(worker);
  while (worker.clock() < 3) {
    if (worker.checkpoint_due()) worker.checkpoint();
    table.inc(worker, 0, 0, -1);
    worker.advance();
  }
}

TEST_F(CheckpointTest, WorkersGoOnWithTablesAndWhatTheyKept) {
  const std::string said = save("2", [](Worker& worker, Table<float>& table) {
    std::array<int, 2> numbers = {worker.id() * 10, 0};
    double half = 0;
    EXPECT_FALSE(worker.keep("numbers", std::span(numbers)));
    EXPECT_FALSE(worker.keep("half", half));
    while (worker.clock() < 3) {
      EXPECT_EQ(worker.checkpoint_due(), worker.clock() == 2);
      if (worker.checkpoint_due()) worker.checkpoint();
      ++numbers[1];
      half += 0.5;
      table.inc(worker, 0, 0, -1);
      worker.advance();
    }
  });
  EXPECT_THAT(said, HasSubstr("(the last of clock 2; --resume " + output_ + " goes on from it)"));

  go_on("2", [](Worker& worker, Table<float>& table) {
    EXPECT_EQ(worker.clock(), 2);
    EXPECT_FALSE(worker.checkpoint_due());
    std::array<int, 2> numbers{};
    double half = 0;
    EXPECT_TRUE(worker.keep("half", half));
    EXPECT_TRUE(worker.keep("numbers", std::span(numbers)));
    EXPECT_THAT(numbers, ElementsAre(worker.id() * 10, 2));
    EXPECT_EQ(half, 1);
    worker.barrier();
    EXPECT_EQ(table.get(worker, 0)[0], 4);
  });
}

TEST_F(CheckpointTest, RefusesWhatWorkersKeepOtherwise) {
  save("2", [](Worker& worker, Table<float>& table) {
    int one = 0;
    work(worker, table, [&](Worker& keeper) { keeper.keep("one", one); });
  });
  const auto refusal = [&](const std::string& workers, const std::function<void(Worker&)>& keep) {
    return go_on(workers, [&](Worker& worker, Table<float>&) { keep(worker); });
  };
  int number = 0;
  double wide = 0;
  EXPECT_THAT(
      refusal("1", [&](Worker& worker) { worker.keep("one", number); }),
      HasSubstr("the checkpoint of clock 2 was made by 2 workers, and only as many can go on with what they kept "
                "('one'): start so many; there are 1"));
  std::optional<bool> filled;
  refusal("1", [&](Worker& worker) { filled = worker.keep("one", number, Worker::Keep::kIfPossible); });
  EXPECT_EQ(filled, false);
  EXPECT_THAT(refusal("2",
                      [](Worker& worker) {
                        int other = 0;
                        worker.keep("other", other);
                      }),
              HasSubstr("has no 'other' of worker"));
  EXPECT_THAT(refusal("2",
                      [&](Worker& worker) {
                        if (worker.id() == 0) worker.keep("one", wide);
                      }),
              HasSubstr("has 'one' with 4 bytes, the worker keeps 8"));
}

TEST_F(CheckpointTest, RefusesMisuse) {
  EXPECT_THAT(run({}, [](Worker& worker, Table<float>&) { worker.checkpoint(); }),
              HasSubstr("checkpoint() in a job without --checkpoint-every: ask checkpoint_due() before"));
  EXPECT_THAT(save("1",
                   [](Worker& worker, Table<float>& table) {
                     table.inc(worker, 0, 0, 1);
                     worker.checkpoint();
                   }),
              HasSubstr("checkpoint() within a clock of table 'sums'"));
  EXPECT_THAT(save("1",
                   [](Worker& worker, Table<float>& table) {
                     table.advance(worker);
                     worker.checkpoint();
                   }),
              HasSubstr("checkpoint() within a clock of table 'sums'"));
  EXPECT_THAT(save("1",
                   [](Worker& worker, Table<float>&) {
                     int number = 0;
                     worker.keep("one", number);
                     worker.keep("one", number);
                   }),
              HasSubstr("keep('one') was called twice by a worker"));
  EXPECT_THAT(save("2",
                   [](Worker& worker, Table<float>&) {
                     worker.advance();
                     worker.id() == 0 ? worker.checkpoint() : worker.barrier();
                   }),
              HasSubstr("another worker makes the checkpoint of clock 1: all workers must do so together"));
}

}  // namespace
}  // namespace bosen
