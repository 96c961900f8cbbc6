#include "poseidon/solver/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "bosen/error.h"

namespace poseidon {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

[[noreturn]] void fail_storage(const std::string& path, int error_number, const std::string& mend) {
  throw bosen::Error(bosen::ErrorKind::kStorage,
                     fmt::format("cannot write {}: {}; {}", path, std::strerror(error_number), mend));
}

}  // namespace

std::uint32_t checksum_of(std::span<const std::byte> bytes, std::uint32_t previous) {
  return static_cast<std::uint32_t>(::crc32_z(previous, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint32_t checksum_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> part(kReadBytes);
  std::uint32_t checksum = 0;
  while (file.read(part.data(), static_cast<std::streamsize>(part.size())) || file.gcount() > 0) {
    checksum = checksum_of(std::as_bytes(std::span(part)).first(static_cast<std::size_t>(file.gcount())), checksum);
  }
  return checksum;
}

void fail_storage(const std::string& path, int error_number) {
  throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("cannot write {}: {}", path, std::strerror(error_number)));
}

void SummedFile::write(std::span<const std::byte> bytes) {
  checksum_ = checksum_of(bytes, checksum_);
  file_.write(bytes);
}

void SummedFile::write(const std::string& text) { write(std::as_bytes(std::span(text))); }

void expect_writable(const std::string& path, const std::string& mend) {
  std::error_code ignored;
  const bool was_there = std::filesystem::exists(path, ignored);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) fail_storage(path, errno, mend);
  ::close(file);
  if (!was_there) std::filesystem::remove(path, ignored);
}

void expect_writable_folder(const std::string& folder, const std::string& mend) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail_storage(folder, error.value(), mend);
  expect_writable(folder + "/.write-test", mend);
}

void sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail_storage(path, errno);
  // Some file systems cannot sync folders and say so; there is nothing more to be done about it.
  const bool failed = ::fsync(folder) != 0 && errno != EINVAL;
  const int error_number = errno;
  ::close(folder);
  if (failed) fail_storage(path, error_number);
}

void place_folder(const std::string& from, const std::string& to) {
  std::error_code error;
  if (!std::filesystem::exists(to, error)) {
    if (::rename(from.c_str(), to.c_str()) != 0) fail_storage(to, errno);
    return;
  }
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) fail_storage(to, errno);
  // A file system that cannot exchange names: the old folder is aside for a moment, but never gone.
  const std::string aside = from + ".old";
  std::filesystem::remove_all(aside, error);
  if (::rename(to.c_str(), aside.c_str()) != 0) fail_storage(to, errno);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int error_number = errno;
    ::rename(aside.c_str(), to.c_str());
    fail_storage(to, error_number);
  }
  if (::rename(aside.c_str(), from.c_str()) != 0) fail_storage(from, errno);
}

}  // namespace poseidon
