#pragma once

// Files that are on the disk, whole, when the call returns. POSIX stays behind this header.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bosen {

/// A new file that gets its name only when the disk has all of it: until `commit` it has another one, and without it is
/// removed. Every step throws Error(kStorage) that names the path and what the system said of it.
class DurableFile {
 public:
  explicit DurableFile(std::string path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Replaces a file that has the name.
  void commit();

 private:
  [[noreturn]] void fail(int error_number) const;
  void write_out(std::span<const std::byte> bytes);
  void flush();

  const std::string path_;
  const std::string partial_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::vector<std::byte> buffer_;  ///< small writes, until they are worth a call
};

/// Makes a folder, and those above it, as far as they are not there; the disk has their names then. Throws
/// Error(kStorage).
void make_durable_folder(const std::string& path);

}  // namespace bosen
