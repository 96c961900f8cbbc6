#include "bosen/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bosen/base/error.h"

namespace bosen {
namespace {

/// "process 4711 on gnode3".
std::string own_name() {
  std::array<char, 256> host{};
  const bool named = ::gethostname(host.data(), host.size() - 1) == 0;
  return "process " + std::to_string(::getpid()) + (named ? std::string(" on ") + host.data() : std::string());
}

std::string read_start(int file) {
  std::array<char, 512> text{};
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

}  // namespace

// The file is never removed: who opened it before and locks it after would hold another one than who comes next.
FolderLock::FolderLock(const std::string& folder)
    : folder_(folder), file_(::open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0) return;
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    has_other_ = errno == EWOULDBLOCK;
    other_ = read_start(file_);
    return;
  }
  // For people only: where the disk is full, the lock holds without.
  const std::string name = own_name();
  if (::ftruncate(file_, 0) == 0) static_cast<void>(::pwrite(file_, name.data(), name.size(), 0) == 0);
}

FolderLock::~FolderLock() {
  if (file_ < 0) return;
  if (!has_other_) static_cast<void>(::ftruncate(file_, 0) == 0);
  ::close(file_);
}

void FolderLock::expect_no_other(const std::string& mend) const {
  if (!has_other_) return;
  throw Error(ErrorKind::kUsage, "another job writes to '" + folder_ + "'" +
                                     (other_.empty() ? other_ : " (" + other_ + ")") + ": wait for its end, or " +
                                     mend);
}

}  // namespace bosen
