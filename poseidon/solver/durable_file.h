#pragma once

// Files that are on the disk when the call returns, and their checksums. POSIX stays behind this header.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "bosen/durable_file.h"

namespace poseidon {

/// CRC-32 (zlib's), piece by piece: `previous` is that of the bytes before these.
[[nodiscard]] std::uint32_t checksum_of(std::span<const std::byte> bytes, std::uint32_t previous = 0);
/// Of a whole file, as far as it can be read.
[[nodiscard]] std::uint32_t checksum_of_file(const std::string& path);

/// Throws bosen::Error(kStorage) that names the path and what the system said of it.
[[noreturn]] void fail_storage(const std::string& path, int error_number);

/// A bosen::DurableFile that sums up what was written.
class SummedFile {
 public:
  explicit SummedFile(std::string path) : file_(std::move(path)) {}

  void write(std::span<const std::byte> bytes);
  void write(const std::string& text);
  /// CRC-32 (zlib's) of all that was written.
  [[nodiscard]] std::uint32_t checksum() const { return checksum_; }
  void commit() { file_.commit(); }

 private:
  bosen::DurableFile file_;
  std::uint32_t checksum_ = 0;
};

/// Before long work whose result goes there: throws bosen::Error(kStorage), with how to mend it, where no file of that
/// name can be written. Leaves a file that is there as it is, and none where there is none.
void expect_writable(const std::string& path, const std::string& mend);

/// The same for files in a folder, which is made where there is none.
void expect_writable_folder(const std::string& folder, const std::string& mend);

/// Has the disk confirm the names in a folder.
void sync_folder(const std::string& path);

/// Gives the folder `from` the name `to`, in one step, also where a folder of that name is there already: that one then
/// is at `from`. Both are in the same folder.
void place_folder(const std::string& from, const std::string& to);

}  // namespace poseidon
