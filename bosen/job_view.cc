#include "bosen/job_view.h"
#include "bosen/base/streams.h"

#include <fmt/format.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>

namespace bosen {
namespace {

constexpr std::chrono::milliseconds kReportEvery{250};

std::chrono::milliseconds wall_time() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970);
}

/// Moments that all processes have in common, as far as their hosts' clocks agree.
std::chrono::milliseconds last_moment() {
  const std::chrono::milliseconds now = wall_time();
  return now - now % kReportEvery;
}

/// A duration and no time of day, which may be set back by hours meanwhile.
std::chrono::milliseconds until_next_moment() { return kReportEvery - wall_time() % kReportEvery; }

}  // namespace

JobView::JobView(const std::string& program, const std::string& address, const runtime::Platform& platform)
    : board_(program, platform.now()),
      monitor_(monitor::parse_monitor_address(address).value(), board_, [&platform] { return platform.now(); }) {
  say(fmt::format("{}: live view at {}; in a terminal: bosen top {}\n", program, monitor_.url(),
                  to_string(monitor_.address())));
}

StatusReporter::StatusReporter(runtime::Process& process, JobReport& report, JobView* view)
    : process_(process), report_(report), view_(view) {
  if (view_ != nullptr) {
    view_->board().job_runs(process_.processes());
    process_.on_status(
        [this](monitor::ProcessStatus status) { view_->board().update(std::move(status), process_.platform().now()); });
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    // Signals are the app's business: its own threads take them.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), "bosen-status");
    std::mutex mutex;
    std::condition_variable_any until_stopped;
    std::unique_lock lock(mutex);
    do {
      tell();
    } while (!until_stopped.wait_for(lock, stop, until_next_moment(), [&] { return stop.stop_requested(); }));
  });
}

StatusReporter::~StatusReporter() {
  if (view_ == nullptr) return;
  process_.on_status({});
  view_->board().job_ends();
}

void StatusReporter::tell() {
  monitor::ProcessStatus status = process_.status();
  status.taken_ms = last_moment().count();
  report_.describe(status);
  if (view_ == nullptr) return process_.report(status);
  view_->board().expect_clocks(report_.expected_clocks());
  view_->board().update(std::move(status), process_.platform().now());
}

}  // namespace bosen
