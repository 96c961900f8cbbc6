// A process that is a job by itself.

#include "bosen/runtime/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/runtime/machine_platform.h"
#include "tests/support/error_message.h"

namespace bosen::runtime {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr wire::RowShape kShape{RowKind::kDense, ElementType::kFloat, 2};

class ThrowingUpdater final : public Updater<float> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }
  void apply(const RowUpdate<float>& /*row*/) override { throw Error(ErrorKind::kData, "not my update"); }
};

class HungryUpdater final : public Updater<float> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }
  void apply(const RowUpdate<float>& /*row*/) override { throw std::bad_alloc(); }
};

/// A machine on which a process that waits is stopped once for an hour, and looks every millisecond.
class StoppingPlatform final : public Platform {
 public:
  [[nodiscard]] core::TimeNs now() const override { return now_; }
  [[nodiscard]] double epoch_s() const override { return 0; }
  [[nodiscard]] bool is_simulated() const override { return false; }
  void rest(core::TimeNs /*duration*/) override {}
  void expect_end(const Error& /*cause*/) override {}
  void end_begins() override {}
  std::unique_ptr<Waiter> make_waiter() override { return std::make_unique<StoppedWaiter>(now_); }
  void run_side_by_side(int /*count*/, const std::function<void(int)>& body) override { body(0); }
  core::TimeNs computing_time(WorkerId /*worker*/, Clock /*clock*/, core::TimeNs measured) override { return measured; }
  Joined join(const ProcessSpec&, ShapeRegistry&, BufferPool&, JobListener) override { return {}; }
  std::unique_ptr<NetworkDriver> drive(Network& /*network*/) override { return nullptr; }

 private:
  class StoppedWaiter final : public Waiter {
   public:
    explicit StoppedWaiter(core::TimeNs& now) : now_(now) {}
    std::uint64_t ticket() override { return 0; }
    void wait(std::uint64_t /*ticket*/, core::TimeNs /*deadline*/) override {
      now_ += now_ == 0 ? kHour : kMillisecond;
    }
    void wake_all() override {}

   private:
    static constexpr core::TimeNs kMillisecond = 1'000'000;
    static constexpr core::TimeNs kHour = 3'600'000 * kMillisecond;
    core::TimeNs& now_;
  };
  core::TimeNs now_ = 0;
};

class ProcessTest : public ::testing::Test {
 protected:
  void make_table(const std::string& name, const TableOptions& options = {}) {
    process_.create_table(name, kShape, options);
  }

  MachinePlatform platform_;
  Process process_{{}, platform_};
};

TEST_F(ProcessTest, RefusesTablesThatOtherProcessesWouldRefuse) {
  const auto problem = [this](const std::string& name, const TableOptions& options) {
    return error_message([&] { make_table(name, options); });
  };
  EXPECT_THAT(problem("two\nlines", {}), HasSubstr("has a name that is not printable"));
  EXPECT_THAT(problem(std::string(limits::kNameBytesMax + 1, 'x'), {}), HasSubstr("has a name longer than 256 bytes"));
  EXPECT_THAT(problem("x", {.staleness = std::numeric_limits<Clock>::max()}), HasSubstr("has staleness"));
  EXPECT_THAT(problem("x", {.updater = {.name = "a\tb"}}), HasSubstr("name of its updater that is not printable"));
  EXPECT_EQ(problem("x", {.staleness = Clock{1} << 62}), "no error");
}

TEST_F(ProcessTest, RefusesChannelsThatOtherProcessesWouldRefuse) {
  const auto problem = [this](const std::string& name, int capacity) {
    return error_message([&] { process_.create_channel(name, {.capacity = capacity}); });
  };
  EXPECT_THAT(problem("", 1), HasSubstr("channel '' has an empty name"));
  EXPECT_THAT(problem("x", 0), HasSubstr("channel 'x' has capacity 0, it must be at least 1"));
  EXPECT_EQ(problem("x", 1), "no error");
}

TEST_F(ProcessTest, FailsWhereAnUpdaterThrowsThoughNobodyWaitsForIt) {
  const auto problem = [this](const std::string& updater) {
    ProcessSpec spec;
    spec.updaters.add("throws", [](const UpdaterOptions&) { return std::make_unique<ThrowingUpdater>(); });
    spec.updaters.add("hungry", [](const UpdaterOptions&) { return std::make_unique<HungryUpdater>(); });
    Process process(std::move(spec), platform_);
    TableHandle& table = process.create_table("weights", kShape, {.updater = {.name = updater}});
    return error_message([&] {
      process.run_workers([&](WorkerContext& worker) {
        const float update[] = {1, 2};
        table.inc_row(worker, 7, std::as_bytes(std::span(update)).data(), 2);
      });
    });
  };
  EXPECT_EQ(problem("throws"), "shard 0: not my update");
  EXPECT_THAT(problem("hungry"), StartsWith("shard 0: out of memory: use less data"));
}

TEST_F(ProcessTest, NobodyGoesOnWhoseOwnUpdatesDoNotShow) {
  ProcessSpec spec;
  spec.updaters.add("throws", [](const UpdaterOptions&) { return std::make_unique<ThrowingUpdater>(); });
  Process process(std::move(spec), platform_);
  TableHandle& bad = process.create_table("bad", kShape, {.updater = {.name = "throws"}});
  TableHandle& good = process.create_table("good", kShape, {});
  bool went_on = false;
  const auto run = [&](WorkerContext& worker) {
    const float update[] = {1, 2};
    for (TableHandle* table : {&bad, &good}) table->inc_row(worker, 7, std::as_bytes(std::span(update)).data(), 2);
    worker.advance();
    went_on = true;
  };
  EXPECT_EQ(error_message([&] { process.run_workers(run); }), "shard 0: not my update");
  EXPECT_FALSE(went_on);
}

TEST(WaitingProcessTest, SaysOnceThatItWaitsHoweverLongItWasStopped) {
  StoppingPlatform platform;
  Process process({}, platform);
  int looks = 0;
  ::testing::internal::CaptureStderr();
  process.wait_until([&] { return ++looks == 100; }, [] { return "waits for its own test"; });
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "rank 0: waits for its own test since 3600 s\n");
}

TEST_F(ProcessTest, RefusesAChannelMadeTwiceOrTooLate) {
  const auto make_channel = [this](const std::string& name) {
    return error_message([&] { process_.create_channel(name, {}); });
  };
  EXPECT_EQ(make_channel("letters"), "no error");
  EXPECT_THAT(make_channel("letters"), HasSubstr("channel 'letters' exists already"));
  process_.run_workers([](WorkerContext&) {});
  EXPECT_THAT(make_channel("late"), HasSubstr("channel 'late' is made too late: before run_workers"));
}

class TwoWorkersTest : public ::testing::Test {
 protected:
  std::string problem(const std::function<void(WorkerContext&)>& body) {
    return error_message([&] { process_.run_workers(body); });
  }

  static ProcessSpec two_workers() {
    ProcessSpec spec;
    spec.options.workers = 2;
    spec.options.consistency = Consistency::kSsp;
    return spec;
  }

  MachinePlatform platform_;
  Process process_{two_workers(), platform_};
};

TEST_F(TwoWorkersTest, AWorkerThatEndsIsNotWaitedForAtABarrier) {
  EXPECT_THAT(problem([](WorkerContext& worker) {
                if (worker.id() == 0) worker.barrier();
              }),
              HasSubstr("a worker has ended while another one waits for it at a barrier or a checkpoint"));
}

TEST_F(TwoWorkersTest, ThatWaitForEachOtherEndTheJob) {
  TableHandle& table = process_.create_table("weights", kShape, {});
  EXPECT_THAT(
      problem([&](WorkerContext& worker) {
        if (worker.id() == 0) return worker.barrier();
        worker.advance();
        table.get(worker, 7);
      }),
      AnyOf("worker 1 waits for row 7 of table 'weights' at clock 1, and nobody can go on: worker 0 is at a barrier",
            "worker 0 waits for barrier 1 (every worker must come to it), and nobody can go on: worker 1 is "
            "reading"));
}

TEST_F(TwoWorkersTest, ThatWaitForOneThatHasEndedEndTheJob) {
  ChannelHandle& letters = process_.create_channel("letters", {});
  EXPECT_EQ(problem([&](WorkerContext& worker) {
              if (worker.id() == 1) letters.receive(worker, 3, 0);
            }),
            "worker 1 waits for a message with tag 3 on channel 'letters', and nobody can go on: worker 0 is finished");
}

TEST_F(TwoWorkersTest, ThatTakeTurnsWaitForEachOtherAndGoOn) {
  TableHandle& table = process_.create_table("weights", kShape, {});
  ChannelHandle& letters = process_.create_channel("letters", {.capacity = 1});
  EXPECT_EQ(problem([&](WorkerContext& worker) {
              const WorkerId other = 1 - worker.id();
              for (int round = 0; round < 2000; ++round) {
                if ((round + worker.id()) % 2 == 0) {
                  letters.send(worker, other, round, {});
                } else {
                  letters.receive(worker, round, other);
                }
                table.get(worker, round % 5);
                worker.advance();
                if (round % 16 == 0) worker.barrier();
              }
            }),
            "no error");
}

TEST_F(ProcessTest, RefusesTheTableBeyondTheLast) {
  for (int i = 0; i < limits::kTablesMax; ++i) make_table("table " + std::to_string(i));
  EXPECT_THAT(error_message([&] { make_table("the last straw"); }),
              HasSubstr("table 'the last straw' is one too many: a job has at most 4096 of them"));
}

}  // namespace
}  // namespace bosen::runtime
