#include "bosen/monitor/process_status.h"

#include <gtest/gtest.h>

#include <limits>

namespace bosen::monitor {
namespace {

ProcessStatus some_status() {
  ProcessStatus status{
      .rank = 3, .host = "node \"7\"", .pid = 4242, .taken_ms = 77, .bytes_sent = 1LL << 40, .bytes_received = 17};
  status.workers = {{.worker = 6, .clock = 12, .compute_s = 1.5, .wait_s = 0.25, .reads = 1000, .misses = 3},
                    {.worker = 7,
                     .clock = 11,
                     .compute_s = 2,
                     .state = WorkerState::kReading,
                     .waiting_s = 0.125,
                     .needed = 9,
                     .reads = 900,
                     .computing_s = 0.75,
                     .barriers = 4}};
  status.shards = {{.shard = 5, .rows = 1000, .updates = 24, .reads = 7, .parked = 1}};
  status.evaluations_before = 2;
  status.evaluations = {{.clock = 10, .time_s = 3.5, .measures = {{"loss", 0.5}, {"accuracy", 0.75}}}};
  return status;
}

TEST(ProcessStatusTest, IsReadAsItWasWritten) {
  const auto read = decode_process_status(encode(some_status()));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, some_status());
}

TEST(ProcessStatusTest, StaysShortWhateverAnAppMeasures) {
  ProcessStatus status = some_status();
  status.evaluations.assign(500, {.clock = 1, .time_s = 1, .measures = {{std::string(100, 'x'), 1.0}}});
  status.evaluations.back().clock = 99;
  const std::string text = encode(status);
  EXPECT_LT(text.size(), 16'000U);
  const auto read = decode_process_status(text);
  ASSERT_TRUE(read);
  ASSERT_FALSE(read->evaluations.empty());
  EXPECT_EQ(read->evaluations.back().clock, 99) << "the latest are kept";
  EXPECT_EQ(read->evaluations_before + static_cast<std::int64_t>(read->evaluations.size()), 502);
}

TEST(ProcessStatusTest, LeavesOutWhatIsNoNumber) {
  ProcessStatus status = some_status();
  status.evaluations[0].measures[0].second = std::numeric_limits<double>::quiet_NaN();
  const auto read = decode_process_status(encode(status));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->evaluations[0].measures.size(), 1U);
  EXPECT_EQ(read->evaluations[0].measures[0].first, "accuracy");
}

TEST(ProcessStatusTest, RefusesWhatIsNoStatus) {
  for (const char* text : {"", "{}", "[]", "nonsense", "{\"rank\": \"x\"}"}) {
    EXPECT_FALSE(decode_process_status(text)) << text;
  }
  std::string text = encode(some_status());
  for (std::size_t i = 0; i + 1 < text.size(); ++i) EXPECT_FALSE(decode_process_status(text.substr(0, i)));
}

}  // namespace
}  // namespace bosen::monitor
