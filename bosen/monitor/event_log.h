#pragma once

// The metrics file: one JSON object a line, its kind in the field `event`. Times are seconds, sizes bytes. A number
// that is not finite is written as null.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bosen/base/config.h"
#include "bosen/base/types.h"
#include "bosen/monitor/record_file.h"
#include "bosen/monitor/slowest_worker.h"

namespace bosen::monitor {

/// A run begins.
struct StartEvent {
  std::string program = {};
  std::string version = {};
  Rank rank = 0;    ///< of the process that writes
  int ranks = 1;    ///< processes of the job
  int workers = 1;  ///< of the whole job
  std::string host = {};
  std::vector<std::pair<std::string, ConfigValue>> configuration = {};
};

/// An app measured something.
struct EvalEvent {
  Clock clock = 0;
  double time_s = 0;                                          ///< since the run began
  std::vector<std::pair<std::string, double>> measures = {};  ///< by name: loss, rmse, accuracy ...
};

/// A process has finished a clock. The totals are since its previous event.
struct ClockEvent {
  Rank rank = 0;
  Clock clock = 0;
  double time_s = 0;  ///< since the run began
  double compute_s = 0;
  double wait_s = 0;
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::optional<Clock> staleness = {};  ///< in force now, where the job finds it itself
};

/// A run ends. Everything but `wall_s` and `clocks` is summed over all workers of the job.
struct EndEvent {
  double wall_s = 0;
  Clock clocks = 0;  ///< of the worker that advanced most often
  int workers = 1;
  double compute_s = 0;
  double wait_s = 0;
  std::int64_t reads = 0;
  std::int64_t misses = 0;  ///< reads that had to ask a shard
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::vector<std::pair<std::string, double>> measures = {};  ///< those of the last evaluation
  std::map<Clock, std::int64_t> staleness_histogram =
      {};  ///< clock differential of a read -> how often it was observed
  std::optional<SlowestWorker> slowest = {};
};

/// The event as a line of JSON, without its end.
std::string to_json(const StartEvent& event);
std::string to_json(const EvalEvent& event);
std::string to_json(const ClockEvent& event);
std::string to_json(const EndEvent& event);

/// Whether a file keeps what is in it.
enum class OpenMode { kAppend, kTruncate };

/// Is told, once and in one line, that a file can't be written any more, and why.
using LostFile = std::function<void(const std::string&)>;

/// Appends events to a file. Every line is one write to a file opened for appending, so that several processes of a
/// host may share it; the first to open it truncates it. Any thread may call it.
///
/// A run that can't begin its file is not worth beginning; one that is under way is worth more than its metrics, so it
/// goes on without them. What is in the file stays whole lines.
class EventLog {
 public:
  /// Throws Error(kStorage) where the file cannot be opened. `lost` is called by the thread whose event is the first
  /// that can't be written; this and all later ones are dropped.
  EventLog(const std::string& path, OpenMode mode, LostFile lost = {});

  /// Throws Error(kStorage) where it can't be written.
  void start(const StartEvent& event);
  void eval(const EvalEvent& event) { write(to_json(event)); }
  void clock(const ClockEvent& event) { write(to_json(event)); }
  void end(const EndEvent& event) { write(to_json(event)); }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether it has all events so far.
  [[nodiscard]] bool is_whole() const { return file_.is_whole(); }

 private:
  void write(const std::string& json);

  const std::string path_;
  const LostFile lost_;
  RecordFile file_;
};

}  // namespace bosen::monitor
