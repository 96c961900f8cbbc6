#include "bosen/monitor/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "bosen/base/error.h"
#include "tests/support/file_limit.h"

namespace bosen::monitor {
namespace {

using testing::ElementsAre;

TEST(EventJsonTest, WritesAStartWithItsConfiguration) {
  const StartEvent event{.program = "mlr",
                         .version = "0.1.0",
                         .rank = 0,
                         .ranks = 2,
                         .workers = 4,
                         .host = "gnode1",
                         .configuration = {{"data", ConfigValue{"a\"b"}},
                                           {"staleness", ConfigValue{std::int64_t{2}}},
                                           {"learning-rate", ConfigValue{0.5}},
                                           {"seed", ConfigValue{std::uint64_t{18446744073709551615U}}},
                                           {"json", ConfigValue{true}}}};
  EXPECT_EQ(
      to_json(event),
      R"({"event":"start","program":"mlr","version":"0.1.0","rank":0,"ranks":2,"workers":4,"host":"gnode1",)"
      R"("configuration":{"data":"a\"b","staleness":2,"learning-rate":0.5,"seed":18446744073709551615,"json":true}})");
}

TEST(EventJsonTest, WritesMeasuresByTheirNames) {
  const EvalEvent event{.clock = 120, .time_s = 1.23456789, .measures = {{"loss", 0.5}, {"accuracy", 0.84}}};
  EXPECT_EQ(to_json(event), R"({"event":"eval","clock":120,"time_s":1.234568,"loss":0.5,"accuracy":0.84})");
}

TEST(EventJsonTest, WritesWhatIsNotANumberAsNull) {
  const EvalEvent event{.measures = {{"loss", std::numeric_limits<double>::quiet_NaN()},
                                     {"rmse", std::numeric_limits<double>::infinity()}}};
  EXPECT_EQ(to_json(event), R"({"event":"eval","clock":0,"time_s":0.0,"loss":null,"rmse":null})");
}

TEST(EventJsonTest, WritesAClock) {
  const ClockEvent event{.rank = 1,
                         .clock = 7,
                         .time_s = 2,
                         .compute_s = 0.25,
                         .wait_s = 0.125,
                         .bytes_sent = 5'000'000'000,
                         .bytes_received = 6};
  EXPECT_EQ(to_json(event), R"({"event":"clock","rank":1,"clock":7,"time_s":2.0,"compute_s":0.25,"wait_s":0.125,)"
                            R"("bytes_sent":5000000000,"bytes_received":6})");
}

TEST(EventJsonTest, WritesAnEndWithItsHistogram) {
  const EndEvent event{.wall_s = 3.5,
                       .clocks = 40,
                       .workers = 2,
                       .compute_s = 5,
                       .wait_s = 1,
                       .reads = 80,
                       .misses = 4,
                       .bytes_sent = 1,
                       .bytes_received = 2,
                       .measures = {{"rmse", 0.92}},
                       .staleness_histogram = {{-2, 3}, {0, 70}}};
  EXPECT_EQ(to_json(event),
            R"({"event":"end","wall_s":3.5,"clocks":40,"workers":2,"compute_s":5.0,"wait_s":1.0,"reads":80,"misses":4,)"
            R"("bytes_sent":1,"bytes_received":2,"rmse":0.92,"staleness_histogram":{"-2":3,"0":70}})");
}

TEST(EventJsonTest, NamesTheSlowestWorker) {
  const EndEvent event{
      .slowest = SlowestWorker{.worker = 3, .rank = 1, .compute_s = 0.5, .times_median = 2.5, .others_wait_s = 40}};
  EXPECT_THAT(to_json(event), testing::HasSubstr(R"("slowest":{"worker":3,"rank":1,"compute_s":0.5,)"
                                                 R"("times_median":2.5,"others_wait_s":40.0})"));
}

TEST(EventJsonTest, KeepsALineWhoseTextIsNotUtf8) {
  const StartEvent event{.program = "m\xff", .configuration = {}};
  EXPECT_THAT(to_json(event), testing::HasSubstr("\"m\xef\xbf\xbd\""));
}

class EventLogTest : public ::testing::Test {
 protected:
  ~EventLogTest() override { std::remove(path_.c_str()); }

  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::string path_ = testing::TempDir() + "event_log_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(::getpid());
};

TEST_F(EventLogTest, AppendsALineForEveryEvent) {
  EventLog log(path_, OpenMode::kTruncate);
  log.eval({.clock = 1});
  log.clock({.rank = 2});
  EXPECT_THAT(lines(), ElementsAre(to_json(EvalEvent{.clock = 1}), to_json(ClockEvent{.rank = 2})));
}

TEST_F(EventLogTest, TruncatesOnlyWhenAsked) {
  EventLog(path_, OpenMode::kTruncate).eval({.clock = 1});
  EventLog(path_, OpenMode::kAppend).eval({.clock = 2});
  EXPECT_EQ(lines().size(), 2U);
  EventLog(path_, OpenMode::kTruncate).eval({.clock = 3});
  EXPECT_THAT(lines(), ElementsAre(to_json(EvalEvent{.clock = 3})));
}

TEST_F(EventLogTest, KeepsLinesOfSeveralWritersWhole) {
  constexpr int kWriters = 4;
  constexpr Clock kEvents = 500;
  EventLog(path_, OpenMode::kTruncate).start({});
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([this, writer] {
        EventLog log(path_, OpenMode::kAppend);
        for (Clock clock = 0; clock < kEvents; ++clock) log.clock({.rank = writer, .clock = clock});
      });
    }
  }
  const std::vector<std::string> written = lines();
  ASSERT_EQ(written.size(), 1U + kWriters * std::size_t{kEvents});
  std::vector<Clock> next(kWriters, 0);
  for (std::size_t i = 1; i < written.size(); ++i) {
    const auto writer = static_cast<std::size_t>(written[i].at(written[i].find("\"rank\":") + 7) - '0');
    EXPECT_EQ(written[i], to_json(ClockEvent{.rank = static_cast<Rank>(writer), .clock = next.at(writer)++}));
  }
}

TEST_F(EventLogTest, RefusesAFileThatCannotBeOpened) {
  try {
    EventLog log("/nowhere/metrics.jsonl", OpenMode::kTruncate);
    ADD_FAILURE() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kStorage);
    EXPECT_STREQ(error.what(),
                 "cannot write metrics file '/nowhere/metrics.jsonl': No such file or directory; name another with "
                 "--metrics");
  }
}

TEST_F(EventLogTest, TellsOnceThatItCannotBeWrittenAnyMore) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "/dev/full is not there";
  std::vector<std::string> told;
  EventLog log("/dev/full", OpenMode::kAppend, [&](const std::string& text) { told.push_back(text); });
  EXPECT_TRUE(log.is_whole());
  log.eval({});
  log.eval({});
  EXPECT_THAT(told, ElementsAre("cannot write metrics file '/dev/full': No space left on device; the run goes on, its "
                                "later metrics are lost"));
  EXPECT_FALSE(log.is_whole());
}

TEST_F(EventLogTest, RefusesToBeginWhatCannotBeWritten) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "/dev/full is not there";
  EventLog log("/dev/full", OpenMode::kAppend);
  EXPECT_THROW(log.start({}), Error);
}

TEST_F(EventLogTest, KeepsWholeLinesWhereTheDiskFillsUp) {
  EventLog log(path_, OpenMode::kTruncate);
  log.eval({.clock = 1});
  {
    const FileLimit limit(to_json(EvalEvent{.clock = 1}).size() + 10);
    log.eval({.clock = 2});
  }
  log.eval({.clock = 3});  // there is room again, but a gap would look like a run that measured nothing
  EXPECT_THAT(lines(), ElementsAre(to_json(EvalEvent{.clock = 1})));
  EXPECT_EQ(std::filesystem::file_size(path_), lines()[0].size() + 1);
}

}  // namespace
}  // namespace bosen::monitor
