#include "bosen/job_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <system_error>

#include "bosen/base/counted.h"
#include "bosen/base/shell.h"
#include "bosen/base/streams.h"
#include "bosen/base/terminal.h"
#include "bosen/base/version.h"

namespace bosen {
namespace {

// A process that finishes clocks faster than this writes one event for several of them.
constexpr double kClockEventEveryS = 0.02;
// Evaluations that whoever watches the job can still be told of: more than happen between two reports.
constexpr std::size_t kEvaluationsKept = 64;

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

JobReport::JobReport(std::string program, const Options& options, const runtime::Platform& platform, Progress progress)
    : program_(std::move(program)),
      options_(options),
      platform_(platform),
      start_(platform.now()),
      reported_(static_cast<std::size_t>(options.workers)),
      clocks_(options.clocks) {
  if (progress == Progress::kHidden) return;
  progress_ = std::make_unique<monitor::Progress>(
      monitor::Progress::Settings{.name = program_, .style = stderr_style()}, std::cerr);
}

double JobReport::now_s() const { return seconds(platform_.now() - start_); }

void JobReport::check_files() const {
  if (options_.metrics.empty()) return;
  const bool was_there = std::filesystem::exists(options_.metrics);
  const monitor::EventLog probe(options_.metrics, monitor::OpenMode::kAppend);
  std::error_code ignored;
  if (!was_there) std::filesystem::remove(options_.metrics, ignored);
}

void JobReport::started(runtime::Process& process, const App& app) {
  start_event_ = {.program = program_,
                  .version = kVersion,
                  .rank = process.rank(),
                  .ranks = process.processes(),
                  .workers = process.members().worker_count(),
                  .host = process.host(),
                  .configuration = app.configuration()};
  prepare_for_interrupt(process);
  if (process.first_clock() == 0) return;
  if (progress_) say(fmt::format("{}: goes on from the checkpoint of clock {}\n", program_, process.first_clock()));
  const std::lock_guard lock(mutex_);
  resumed_at_ = process.first_clock();
}

void JobReport::prepare_for_interrupt(runtime::Process& process) {
  if (!progress_ || process.checkpoint_writer() == nullptr) return;
  const std::lock_guard lock(mutex_);
  notice_.emplace(process.first_clock() > 0
                      ? fmt::format("{}: stopped before its first checkpoint: the same command goes on from that of "
                                    "clock {} again",
                                    program_, process.first_clock())
                      : fmt::format("{}: stopped before its first checkpoint, so nothing is kept: a smaller "
                                    "--checkpoint-every has one sooner",
                                    program_));
}

std::string JobReport::way_on() const {
  return fmt::format("--resume {} goes on from the newest that is whole", shell_word(options_.output));
}

void JobReport::begin() {
  std::call_once(begun_, [this] { open(); });
}

void JobReport::open() {
  const bool is_first = start_event_.rank == 0;
  if (!options_.metrics.empty()) {
    const auto mode = is_first && !goes_on() ? monitor::OpenMode::kTruncate : monitor::OpenMode::kAppend;
    log_ = std::make_unique<monitor::EventLog>(options_.metrics, mode, [this](const auto& why) { warn(why); });
  }
  if (!is_first) return;
  if (log_) log_->start(start_event_);
  if (options_.tensorboard.empty()) return;
  const double epoch_s = platform_.epoch_s() + seconds(start_);
  const std::lock_guard lock(mutex_);
  tensorboard_ = std::make_unique<monitor::TensorboardLog>(options_.tensorboard, start_event_.host, epoch_s,
                                                           [this](const auto& why) { warn(why); });
}

void JobReport::set_aside(Clock newest) {
  warn(fmt::format(
      "has set aside the newer checkpoints in {0}/checkpoints, up to clock {1}, as clock-{1}.left: the next "
      "checkpoint removes them",
      options_.output, newest));
}

void JobReport::evaluation(Clock clock, const Measures& measures) {
  begin();
  if (log_) log_->eval({.clock = clock, .time_s = now_s(), .measures = measures});
  const std::lock_guard lock(mutex_);
  measures_ = measures;
  evaluations_.push_back({.clock = clock, .time_s = now_s(), .measures = measures});
  if (evaluations_.size() > kEvaluationsKept) {
    evaluations_.pop_front();
    ++evaluations_before_;
  }
  if (tensorboard_) tensorboard_->scalars(clock, now_s(), measures);
  show(clock);
}

void JobReport::describe(monitor::ProcessStatus& status) {
  const std::lock_guard lock(mutex_);
  status.evaluations_before = evaluations_before_;
  status.evaluations.assign(evaluations_.begin(), evaluations_.end());
}

bool JobReport::goes_on() {
  const std::lock_guard lock(mutex_);
  return first_clock_ + resumed_at_ > 0;
}

Clock JobReport::expected_clocks() {
  const std::lock_guard lock(mutex_);
  return clocks_ == 0 ? 0 : clocks_ - first_clock_;
}

void JobReport::expect_clocks(Clock clocks, Clock first) {
  const std::lock_guard lock(mutex_);
  clocks_ = clocks;
  first_clock_ = first;
}

void JobReport::advanced(runtime::Process& process, const runtime::WorkerContext& worker) {
  if (!log_ && !progress_) return;
  runtime::WorkerTimes& before = reported_[static_cast<std::size_t>(worker.local_id())];
  compute_ns_.fetch_add(worker.times().compute_ns - before.compute_ns, std::memory_order_relaxed);
  wait_ns_.fetch_add(worker.times().wait_ns - before.wait_ns, std::memory_order_relaxed);
  before = worker.times();
  if (worker.local_id() != 0) return;
  const std::lock_guard lock(mutex_);
  const Clock clock = first_clock_ + worker.clock();
  if (log_ && now_s() >= next_clock_event_s_) write_clock(process, clock);
  if (notice_ && !has_checkpoint_ && process.checkpoint_writer()->last_written() > 0) {
    has_checkpoint_ = true;
    notice_->set(fmt::format("{}: stopped; it has checkpoints: {}", program_, way_on()));
  }
  show(clock);
}

void JobReport::write_clock(const runtime::Process& process, Clock clock) {
  const net::TransportStatistics network = process.network_statistics();
  const double now = now_s();
  next_clock_event_s_ = now + kClockEventEveryS;
  log_->clock({.rank = process.rank(),
               .clock = clock,
               .time_s = now,
               .compute_s = seconds(compute_ns_.exchange(0, std::memory_order_relaxed)),
               .wait_s = seconds(wait_ns_.exchange(0, std::memory_order_relaxed)),
               .bytes_sent = static_cast<std::int64_t>(network.bytes_sent - bytes_sent_),
               .bytes_received = static_cast<std::int64_t>(network.bytes_received - bytes_received_),
               .staleness = process.tuned_staleness()});
  bytes_sent_ = network.bytes_sent;
  bytes_received_ = network.bytes_received;
}

void JobReport::show(Clock clock) {
  clock_ = std::max(clock_, clock);
  if (progress_) progress_->update(now_s(), {.clock = clock_, .clocks = clocks_, .measures = measures_});
}

void JobReport::ended(runtime::Process& process) {
  const runtime::JobStatistics& job = process.job_statistics();
  begin();
  monitor::EndEvent end;
  end.wall_s = now_s();
  end.clocks = job.clocks;
  end.workers = static_cast<int>(job.workers);
  end.compute_s = seconds(job.compute_ns);
  end.wait_s = seconds(job.wait_ns);
  end.reads = job.reads;
  end.misses = job.misses;
  end.bytes_sent = job.bytes_sent;
  end.bytes_received = job.bytes_received;
  for (std::size_t i = 0; i < job.staleness.size(); ++i) {
    const Clock differential = static_cast<Clock>(i) - core::StalenessHistogram::kOldest;
    if (job.staleness[i] > 0) end.staleness_histogram[differential] = job.staleness[i];
  }
  end.slowest = monitor::find_slowest(job.by_worker);
  const std::lock_guard lock(mutex_);
  end.measures = measures_;
  notice_.reset();
  if (log_) log_->end(end);
  const Clock last = first_clock_ + resumed_at_ + end.clocks;
  if (progress_) progress_->finish(end.wall_s, {.clock = last, .clocks = last, .measures = measures_});
  print_summary(end);
  print_files();
  print_checkpoints(process);
}

void JobReport::print_summary(const monitor::EndEvent& end) const {
  if (options_.json) fmt::print("{}\n", monitor::to_json(end));
  if (!progress_) return;
  const double busy = end.compute_s + end.wait_s;
  say(fmt::format("{}: {} by {} in {}, {:.0f}% of their time waiting\n", program_, counted(end.clocks, "clock"),
                  counted(end.workers, "worker"), monitor::duration_text(end.wall_s),
                  busy > 0 ? 100 * end.wait_s / busy : 0.0));
  constexpr double kWorthSayingS = 0.05;  // what shows as 0.1 s and more
  if (!end.slowest || end.slowest->others_wait_s < kWorthSayingS) return;
  say(fmt::format(
      "{}: the slowest was worker {} (rank {}), {:.3g} ms a clock, {:.2f} times the median; the others together "
      "waited {} more than it\n",
      program_, end.slowest->worker, end.slowest->rank, 1e3 * end.slowest->compute_s, end.slowest->times_median,
      monitor::duration_text(end.slowest->others_wait_s)));
}

void JobReport::print_files() const {
  if (!progress_) return;
  const auto tell = [this](const auto& log, const char* what) {
    say(log.is_whole() ? fmt::format("{}: wrote {} ({})\n", program_, log.path(), what)
                       : fmt::format("{}: {} ({}) is incomplete: it could not be written to the end\n", program_,
                                     log.path(), what));
  };
  if (log_) tell(*log_, "metrics");
  if (tensorboard_) tell(*tensorboard_, "for TensorBoard");
}

void JobReport::print_checkpoints(runtime::Process& process) const {
  if (!progress_ || process.checkpoint_writer() == nullptr) return;
  const Clock last = process.checkpoint_writer()->last_written();
  const Clock every = options_.checkpoint_every;
  say(last > 0 ? fmt::format("{}: wrote {}/checkpoints (the last of clock {}; --resume {} goes on from it)\n", program_,
                             options_.output, last, shell_word(options_.output))
               : fmt::format("{}: made no checkpoint: the job ended before clock {}\n", program_,
                             (process.first_clock() / every + 1) * every));
}

void JobReport::failed(runtime::Process& process) {
  if (!progress_ || process.checkpoint_writer() == nullptr) return;
  const Clock last = process.checkpoint_writer()->last_written();
  {
    const std::lock_guard lock(mutex_);
    notice_.reset();
  }
  if (last > 0) warn(fmt::format("its last checkpoint is of clock {}; {}", last, way_on()));
}

void JobReport::warn(const std::string& text) {
  if (progress_) progress_->clear();
  say(fmt::format("{}: {}\n", program_, text));
}

}  // namespace bosen
