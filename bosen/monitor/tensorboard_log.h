#pragma once

// An event file that TensorBoard reads: records of protocol buffers, each with its length and masked CRC-32C
// (tensorflow/core/lib/io/record_writer and core/util/event.proto describe them).

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/monitor/event_log.h"
#include "bosen/monitor/record_file.h"

namespace bosen::monitor {

/// Appends scalars to one event file. Single-threaded. As with EventLog, a file that can't be begun throws
/// Error(kStorage), and one that can't be written any more ends there, in a whole record, while the run goes on.
class TensorboardLog {
 public:
  /// Makes the folder where there is none, and a new file in it, with a number where its name is taken. `epoch_s`:
  /// seconds since 1970 at the run's start.
  TensorboardLog(const std::string& folder, const std::string& host, double epoch_s, LostFile lost = {});

  /// Values by tag, at a step, so long after the start.
  void scalars(std::int64_t step, double time_s, const std::vector<std::pair<std::string, double>>& values);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether it has all values so far.
  [[nodiscard]] bool is_whole() const { return file_->is_whole(); }

 private:
  const double epoch_s_;
  const LostFile lost_;
  std::string path_;
  std::optional<RecordFile> file_;  ///< always there once constructed
};

}  // namespace bosen::monitor
