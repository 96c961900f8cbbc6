#pragma once

// A file that grows by whole records (lines, or TensorBoard's records) and stays readable where its disk fills up.

#include <atomic>
#include <string>
#include <string_view>

namespace bosen::monitor {

/// Owns the descriptor of a file opened for writing. Any thread may append.
///
/// Every record is one write, so where the file was opened with O_APPEND, several processes of a host may share it. A
/// record that can't be written as a whole is taken back, and it is the last: a record after a gap would look as if
/// nothing were missing.
class RecordFile {
 public:
  explicit RecordFile(int file) : file_(file) {}
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Returns why this record can't be written, once; empty where it is written, and for all records after the first
  /// that is not.
  [[nodiscard]] std::string append(std::string_view record);

  /// Whether all records are written.
  [[nodiscard]] bool is_whole() const { return !failed_.load(std::memory_order_relaxed); }

 private:
  void take_back(std::size_t bytes) const;

  const int file_;
  std::atomic<bool> failed_{false};  // relaxed: says nothing about other memory
};

}  // namespace bosen::monitor
