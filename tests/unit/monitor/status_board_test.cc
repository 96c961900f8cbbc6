#include "bosen/monitor/status_board.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "bosen/monitor/prometheus.h"

namespace bosen::monitor {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

WorkerStatus computing(WorkerId worker, Clock clock, double compute_s = 1) {
  return {.worker = worker, .clock = clock, .compute_s = compute_s};
}

WorkerStatus reading(WorkerId worker, Clock clock, Clock needed) {
  return {.worker = worker,
          .clock = clock,
          .compute_s = 1,
          .state = WorkerState::kReading,
          .waiting_s = 2,
          .needed = needed};
}

ProcessStatus process(Rank rank, std::vector<WorkerStatus> workers) {
  return {.rank = rank, .host = "node" + std::to_string(rank), .workers = std::move(workers)};
}

TEST(StatusBoardTest, SaysWhoWaitsForWhom) {
  StatusBoard board("mf", 0);
  board.update(process(1, {computing(2, 4), reading(3, 7, 5)}), kSecond);
  board.update(process(0, {reading(0, 6, 4), computing(1, 3)}), kSecond);
  const JobStatus status = board.status(2 * kSecond);
  ASSERT_EQ(status.processes.size(), 2U);
  EXPECT_EQ(status.processes[0].rank, 0);
  EXPECT_EQ(status.processes[0].waits_for[0], std::vector<WorkerId>{1}) << "worker 2 has done what is needed";
  EXPECT_EQ(status.processes[0].waits_for[1], std::vector<WorkerId>{}) << "it computes";
  EXPECT_EQ(status.processes[1].waits_for[1], (std::vector<WorkerId>{1, 2}));
  EXPECT_EQ(status.clock_least, 3);
  EXPECT_EQ(status.clock_most, 7);
  EXPECT_DOUBLE_EQ(status.processes[0].age_s, 1);
}

TEST(StatusBoardTest, SaysForWhomABarrierWaits) {
  StatusBoard board("mf", 0);
  const auto at_barrier = [](WorkerId worker, std::int64_t barriers) {
    return WorkerStatus{.worker = worker, .clock = 5, .state = WorkerState::kAtBarrier, .barriers = barriers};
  };
  WorkerStatus finished = computing(4, 5);
  finished.state = WorkerState::kFinished;
  board.update(process(0, {at_barrier(0, 3), computing(1, 9), at_barrier(2, 2), at_barrier(3, 3), finished}), kSecond);
  const JobStatus status = board.status(kSecond);
  EXPECT_EQ(status.processes[0].waits_for[0], (std::vector<WorkerId>{1, 2}));
  EXPECT_EQ(status.processes[0].waits_for[2], std::vector<WorkerId>{1}) << "its own barrier has not been passed yet";
}

TEST(StatusBoardTest, NamesTheSlowestOfManyThatOneWaitsFor) {
  StatusBoard board("mf", 0);
  std::vector<WorkerStatus> workers{reading(0, 50, 40)};
  for (WorkerId worker = 1; worker <= 30; ++worker) workers.push_back(computing(worker, 31 - worker));
  board.update(process(0, workers), kSecond);
  const JobStatus status = board.status(kSecond);
  EXPECT_EQ(status.processes[0].waits_for[0], (std::vector<WorkerId>{30, 29, 28, 27, 26, 25, 24, 23, 22}));
}

TEST(StatusBoardTest, ShowsAMomentOfWhichAllHaveTold) {
  StatusBoard board("mf", 0);
  const auto taken = [](std::int64_t moment_ms, ProcessStatus status) {
    status.taken_ms = moment_ms;
    return status;
  };
  board.update(taken(250, process(0, {computing(0, 4)})), kSecond);
  board.update(taken(250, process(1, {computing(1, 3)})), kSecond);
  board.update(taken(500, process(0, {computing(0, 9)})), kSecond);
  EXPECT_EQ(board.status(kSecond).clock_most, 4) << "of the later moment only one has told";
  board.update(taken(500, process(1, {computing(1, 8)})), kSecond);
  EXPECT_EQ(board.status(kSecond).clock_most, 9);
  board.update(taken(4000, process(0, {computing(0, 50)})), 5 * kSecond);
  EXPECT_EQ(board.status(5 * kSecond).clock_most, 50) << "who has fallen silent is not waited for";
}

TEST(StatusBoardTest, ShowsAHostWhoseClockIsOffAsItWasHeardOfLast) {
  StatusBoard board("mf", 0);
  constexpr std::int64_t kHourMs = 3'600'000;
  for (const std::int64_t off_ms : {-kHourMs, kHourMs}) {
    for (std::int64_t i = 1; i <= 3; ++i) {
      ProcessStatus own = process(0, {computing(0, 10 * i)});
      own.taken_ms = 2 * kHourMs + 250 * i;
      board.update(own, i);
      ProcessStatus other = process(1, {computing(1, 10 * i + 1)});
      other.taken_ms = 2 * kHourMs + off_ms + 250 * i;
      board.update(other, i);
    }
    const JobStatus status = board.status(3);
    EXPECT_EQ(status.processes[0].workers[0].clock, 30);
    EXPECT_EQ(status.processes[1].workers[0].clock, 31);
  }
}

TEST(StatusBoardTest, NobodyWaitsForOneWhoHasFinished) {
  StatusBoard board("mf", 0);
  WorkerStatus finished = computing(1, 3);
  finished.state = WorkerState::kFinished;
  board.update(process(0, {reading(0, 6, 5), finished}), kSecond);
  const JobStatus status = board.status(kSecond);
  EXPECT_TRUE(status.processes[0].waits_for[0].empty());
  EXPECT_EQ(status.clock_least, 6);
}

TEST(StatusBoardTest, NamesTheStragglerOfTheLastSecondsNotOfThePast) {
  StatusBoard board("mf", 0);
  board.update(process(0, {computing(0, 10, 100), computing(1, 10, 1), computing(2, 10, 1)}), 0);
  board.update(process(0, {computing(0, 20, 101), computing(1, 20, 2), computing(2, 20, 6)}), 10 * kSecond);
  const auto slowest = board.status(10 * kSecond).slowest;
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->worker, 2);
  EXPECT_NEAR(slowest->times_median, 5, 1e-9);
}

/// Clock 1000 after 100 s of computing, and so long in the clock under way.
WorkerStatus after_a_long_past(WorkerId worker, double computing_s) {
  WorkerStatus status = computing(worker, 1000, 100);
  status.computing_s = computing_s;
  return status;
}

TEST(StatusBoardTest, NamesAWorkerThatIsStalledInItsClock) {
  StatusBoard board("mf", 0);
  board.update(process(0, {after_a_long_past(0, 0.1), after_a_long_past(1, 0), after_a_long_past(2, 0.2)}), 0);
  board.update(process(0, {after_a_long_past(0, 0.1), after_a_long_past(1, 12), after_a_long_past(2, 0.2)}),
               12 * kSecond);
  const auto slowest = board.status(12 * kSecond).slowest;
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->worker, 1);
  EXPECT_NEAR(slowest->compute_s, 12, 1e-9);
}

TEST(StatusBoardTest, NamesAWorkerThatNeverFinishedAClock) {
  StatusBoard board("mf", 0);
  WorkerStatus stalled = computing(1, 0, 0);
  stalled.computing_s = 3;
  board.update(process(0, {computing(0, 1, 0.01), stalled, computing(2, 1, 0.01)}), 3 * kSecond);
  const auto slowest = board.status(3 * kSecond).slowest;
  ASSERT_TRUE(slowest);
  EXPECT_EQ(slowest->worker, 1);
  EXPECT_NEAR(slowest->times_median, 300, 1e-6);
}

TEST(StatusBoardTest, AClockUnderWayThatIsNotLongMakesNobodySlow) {
  StatusBoard board("mf", 0);
  const auto later = [](WorkerId worker, double computing_s) {
    WorkerStatus status = computing(worker, 1100, 110);
    status.computing_s = computing_s;
    return status;
  };
  board.update(process(0, {after_a_long_past(0, 0), after_a_long_past(1, 0)}), 0);
  board.update(process(0, {later(0, 0), later(1, 0.5)}), 10 * kSecond);
  EXPECT_FALSE(board.status(10 * kSecond).slowest) << "one of a hundred clocks is five times as long";
}

TEST(StatusBoardTest, TakesEveryEvaluationOnceThoughReportsRepeatThem) {
  StatusBoard board("mf", 0);
  ProcessStatus status = process(0, {computing(0, 1)});
  status.evaluations = {{.clock = 1}, {.clock = 2}};
  board.update(status, 1);
  status.evaluations = {{.clock = 2}, {.clock = 3}, {.clock = 4}};
  status.evaluations_before = 1;
  board.update(status, 2);
  std::vector<Clock> clocks;
  for (const Evaluation& evaluation : board.status(3).evaluations) clocks.push_back(evaluation.clock);
  EXPECT_EQ(clocks, (std::vector<Clock>{1, 2, 3, 4}));
}

TEST(StatusBoardTest, KeepsTheShapeOfALongCurveInBoundedMemory) {
  StatusBoard board("mf", 0);
  for (std::int64_t i = 0; i < 10'000; ++i) {
    ProcessStatus status = process(0, {});
    status.evaluations_before = i;
    status.evaluations = {{.clock = i}};
    board.update(status, i);
  }
  const std::vector<Evaluation> kept = board.status(0).evaluations;
  EXPECT_LE(kept.size(), 2000U);
  EXPECT_GE(kept.size(), 1000U);
  EXPECT_EQ(kept.front().clock, 0);
  EXPECT_EQ(kept.back().clock, 9999);
}

TEST(StatusBoardTest, KeepsTheLastOfSeveralEvaluationsThatComeAtOnce) {
  StatusBoard board("mf", 0);
  ProcessStatus report = process(0, {computing(0, 1)});
  for (int clock = 1; clock <= 2002; ++clock) report.evaluations.push_back({.clock = clock});
  board.update(report, kSecond);
  EXPECT_EQ(board.status(kSecond).evaluations.back().clock, 2002);
}

TEST(StatusBoardTest, TellsRatesOfTheLastSeconds) {
  StatusBoard board("mf", 0);
  for (std::int64_t second = 0; second <= 30; ++second) {
    ProcessStatus status = process(0, {});
    status.bytes_sent = second < 15 ? 1'000'000 * second : 15'000'000 + 10 * (second - 15);
    board.update(status, second * kSecond);
  }
  EXPECT_DOUBLE_EQ(board.status(30 * kSecond).processes[0].sent_per_s, 10);
}

TEST(StatusBoardTest, KnowsThePhaseOfTheJob) {
  StatusBoard board("mf", kSecond);
  EXPECT_EQ(board.phase(), JobPhase::kStarting);
  board.job_runs(4);
  board.expect_clocks(50);
  EXPECT_EQ(board.phase(), JobPhase::kRunning);
  EXPECT_EQ(board.status(3 * kSecond).ranks, 4);
  EXPECT_EQ(board.status(3 * kSecond).clocks, 50);
  EXPECT_DOUBLE_EQ(board.status(3 * kSecond).time_s, 2);
  board.job_ends();
  EXPECT_EQ(board.phase(), JobPhase::kEnded);
}

TEST(StatusBoardTest, IsJsonForPrograms) {
  StatusBoard board("mf", 0);
  ProcessStatus status = process(0, {reading(0, 6, 4), computing(1, 3)});
  status.shards = {{.shard = 2, .rows = 5}};
  status.evaluations = {{.clock = 2, .time_s = 1, .measures = {{"loss", 0.5}}}, {.clock = 3}};
  board.update(status, kSecond);
  const auto json = nlohmann::json::parse(to_json(board.status(kSecond)));
  EXPECT_EQ(json["program"], "mf");
  EXPECT_EQ(json["phase"], "starting");
  EXPECT_EQ(json["processes"][0]["workers"][0]["waits_for"][0], 1);
  EXPECT_EQ(json["processes"][0]["workers"][0]["state"], "reading");
  EXPECT_EQ(json["processes"][0]["shards"][0]["rows"], 5);
  EXPECT_EQ(json["evaluations"][0]["measures"]["loss"], 0.5);
  EXPECT_TRUE(json["evaluations"][1]["measures"].is_object()) << "also where nothing was a number";
}

TEST(PrometheusTest, SpellsWhatIsNotFiniteAsTheFormatDoes) {
  StatusBoard board("test", 0);
  ProcessStatus process;
  const double not_a_number = std::nan("");
  process.evaluations = {
      {.clock = 1, .measures = {{"loss", -not_a_number}, {"most", HUGE_VAL}, {"least", -HUGE_VAL}, {"half", 0.5}}}};
  board.update(process, kSecond);
  const std::string text = to_prometheus(board.status(kSecond));
  for (const char* const line : {"\"loss\"} NaN\n", "\"most\"} +Inf\n", "\"least\"} -Inf\n", "\"half\"} 0.5\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(PrometheusTest, WritesSamplesOfOneNameTogetherAndEscapesLabels) {
  StatusBoard board("a \"b\"\\c", 0);
  board.job_runs(2);
  ProcessStatus first = process(0, {computing(0, 6)});
  first.evaluations = {{.clock = 5, .measures = {{"loss", 0.5}}}};
  board.update(first, kSecond);
  board.update(process(1, {computing(1, 4)}), kSecond);
  const std::string text = to_prometheus(board.status(kSecond));
  EXPECT_NE(text.find("bosen_job_info{program=\"a \\\"b\\\"\\\\c\",version="), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE bosen_worker_clock gauge\n"
                      "bosen_worker_clock{worker=\"0\",rank=\"0\"} 6\n"
                      "bosen_worker_clock{worker=\"1\",rank=\"1\"} 4\n"),
            std::string::npos);
  EXPECT_NE(text.find("bosen_job_clock_spread 2\n"), std::string::npos);
  EXPECT_NE(text.find("bosen_evaluation{measure=\"loss\"} 0.5\n"), std::string::npos);
}

}  // namespace
}  // namespace bosen::monitor
