#pragma once

// `--staleness auto` across a job: each process looks at how long its workers compute and wait, and tells worker 0's
// process, whose tuner decides for all (core/staleness_tuner.h). Both ways go over a channel of the job's own, so that
// simulated jobs are tuned as well. Nothing here ever waits; a word that finds no room is dropped, as a later one will
// say more.
//
// The guarantee holds at every moment with the staleness in force in the reading process: a change counts from each
// worker's next advance on, and what reads were promised to show they go on to show.

#include <mutex>
#include <vector>

#include "bosen/core/staleness_tuner.h"
#include "bosen/runtime/channel_handle.h"
#include "bosen/runtime/worker_context.h"

namespace bosen::runtime {

class Process;

class StalenessControl {
 public:
  StalenessControl(Process& process, ChannelHandle& channel);

  /// A worker of this process has advanced; does something for the first local one only.
  void advanced(WorkerContext& worker);
  /// The app has measured its objective, of which less is better. Any thread.
  void measured(Clock clock, double objective);

 private:
  struct Report {
    std::int64_t round = 0;  ///< how many orders the process has carried out
    double compute_ns = 0;   ///< a clock, in the long run, of the process's slowest worker
    double clock_ns = 0;     ///< what a clock took since the last order, of late more than long ago
    Clock measured_at = -1;  ///< -1: never
    double objective = 0;
  };
  struct Order {
    std::int64_t round = 0;
    Clock staleness = 0;
  };
  /// A worker as it was when the window began, and its computing before, of which the older counts less.
  struct Past {
    std::int64_t clock = 0;
    std::int64_t compute_ns = 0;
    double clocks_before = 0;
    double compute_before_ns = 0;
  };

  void report(WorkerContext& worker);
  void decide(WorkerContext& worker);
  void carry_out(const Order& order, Clock clock);
  double slowest_compute_ns();
  void begin_window();

  Process& process_;
  ChannelHandle& channel_;
  // Of the thread of the first local worker.
  std::vector<Past> pasts_;
  Clock staleness_ = core::StalenessTuner::kStart;
  std::int64_t round_ = 0;
  Clock window_begin_ = 0;  ///< a clock
  core::TimeNs window_begin_ns_ = 0;
  // Of the windows since the last order. A window alone says little: a fast worker may begin it far ahead and end it
  // close.
  double time_sum_ns_ = 0;
  double clock_sum_ = 0;

  // Worker 0's.
  core::StalenessTuner tuner_;
  std::vector<bool> heard_;  ///< by process: a report of this round
  double compute_ns_ = 0;    ///< a clock, of the slowest worker of those heard
  double clock_ns_ = 0;      ///< summed over those heard

  std::mutex mutex_;  // a leaf; guards those below
  Clock measured_at_ = -1;
  double objective_ = 0;
};

}  // namespace bosen::runtime
