#pragma once

// An event file that TensorBoard reads: records of protocol buffers, each with its length and masked CRC-32C
// (tensorflow/core/lib/io/record_writer and core/util/event.proto describe them).

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bosen::monitor {

/// Appends scalars to one event file. Single-threaded. What can't be written throws Error(kStorage).
class TensorboardLog {
 public:
  /// Makes the folder where there is none, and a new file in it, with a number where its name is taken. `epoch_s`:
  /// seconds since 1970 at the run's start.
  TensorboardLog(const std::string& folder, const std::string& host, double epoch_s);
  ~TensorboardLog();
  TensorboardLog(const TensorboardLog&) = delete;
  TensorboardLog& operator=(const TensorboardLog&) = delete;

  /// Values by tag, at a step, so long after the start.
  void scalars(std::int64_t step, double time_s, const std::vector<std::pair<std::string, double>>& values);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void write(const std::string& event);

  const double epoch_s_;
  std::string path_;
  int file_ = -1;
};

}  // namespace bosen::monitor
