#include "bosen/cli/top_view.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bosen/base/error.h"
#include "bosen/monitor/status_board.h"

namespace bosen::cli {
namespace {

std::string status_of(int workers) {
  monitor::StatusBoard board("mf", 0);
  board.job_runs(1);
  board.expect_clocks(100);
  monitor::ProcessStatus process{.rank = 0, .host = "node0", .bytes_sent = 12'300'000};
  for (int i = 0; i < workers; ++i) {
    process.workers.push_back({.worker = i, .clock = 10 + i, .compute_s = 3, .wait_s = 1, .reads = 100, .misses = 10});
  }
  process.workers.back().state = monitor::WorkerState::kReading;
  process.workers.back().waiting_s = 2.5;
  process.workers.back().needed = 11;
  process.shards = {{.shard = 0, .rows = 7, .updates = 30, .reads = 4, .parked = 1}};
  process.evaluations = {{.clock = 9, .time_s = 1, .measures = {{"rmse", 0.9251}}}};
  board.update(process, 0);
  return to_json(board.status(2'000'000'000));
}

TEST(TopViewTest, ShowsClocksWaitingAndForWhom) {
  const std::string text = render_top(status_of(3), {});
  EXPECT_NE(text.find("mf  running, 2.0 s  clock 12/100  spread 2  1 process\n"), std::string::npos) << text;
  EXPECT_NE(text.find("at clock 9:  rmse 0.9251\n"), std::string::npos) << text;
  EXPECT_NE(text.find("     0     0         10      25%     90%  computing            \n"), std::string::npos) << text;
  EXPECT_NE(text.find("     2     0         12      25%     90%  reading 2.5 s        0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("12.3 MB"), std::string::npos) << text;
}

TEST(TopViewTest, FitsTheTerminalAndSaysWhatItLeavesOut) {
  const std::string text = render_top(status_of(200), {.columns = 60, .lines = 20});
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_NE(text.find(" faster ones\n"), std::string::npos) << text;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 60U);
    begin = end + 1;
  }
}

TEST(TopViewTest, ColoursOnlyWhereWanted) {
  EXPECT_EQ(render_top(status_of(3), {}).find('\x1b'), std::string::npos);
  EXPECT_NE(render_top(status_of(3), {.colors = true}).find('\x1b'), std::string::npos);
}

TEST(TopViewTest, RefusesWhatIsNoStatus) {
  for (const char* text : {"", "{}", "<html>", "[1]"}) EXPECT_THROW(render_top(text, {}), Error) << text;
}

}  // namespace
}  // namespace bosen::cli
