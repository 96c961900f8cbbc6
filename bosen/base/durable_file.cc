#include "bosen/base/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "bosen/base/error.h"

namespace bosen {
namespace {

// More in one call is refused by some file systems.
constexpr std::size_t kWriteBytesMax = std::size_t{64} << 20;
constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

namespace fs = std::filesystem;

/// Has the disk confirm the names in the folder that something is in. Returns an error number, or 0.
int sync_folder_of(const fs::path& path) {
  const std::string name = path.has_parent_path() ? path.parent_path().string() : ".";
  const int folder = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  // Some file systems cannot sync folders and say so; there is nothing more to be done about it.
  const int error = ::fsync(folder) != 0 && errno != EINVAL ? errno : 0;
  ::close(folder);
  return error;
}

}  // namespace

DurableFile::DurableFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {
  file_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) fail(errno);
}

DurableFile::~DurableFile() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(partial_.c_str());
}

void DurableFile::fail(int error_number) const {
  throw Error(ErrorKind::kStorage, "cannot write " + path_ + ": " + std::strerror(error_number));
}

void DurableFile::write(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes) return write_out(bytes);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void DurableFile::flush() {
  write_out(buffer_);
  buffer_.clear();
}

void DurableFile::write_out(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), std::min(bytes.size(), kWriteBytesMax));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void DurableFile::commit() {
  flush();
  if (::fsync(file_) != 0) fail(errno);
  if (::rename(partial_.c_str(), path_.c_str()) != 0) fail(errno);
  ::close(std::exchange(file_, -1));  // all of it is on the disk
  if (const int error = sync_folder_of(path_); error != 0) fail(error);
}

void make_durable_folder(const std::string& path) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path folder = path; !folder.empty() && !fs::exists(folder, error); folder = folder.parent_path()) {
    missing.push_back(folder);
  }
  fs::create_directories(path, error);
  for (const fs::path& folder : missing) {
    if (!error) error.assign(sync_folder_of(folder), std::generic_category());
  }
  if (error) throw Error(ErrorKind::kStorage, "cannot make folder " + path + ": " + error.message());
}

}  // namespace bosen
