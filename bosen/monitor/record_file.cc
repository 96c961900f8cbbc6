#include "bosen/monitor/record_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bosen::monitor {

RecordFile::~RecordFile() {
  if (file_ >= 0) ::close(file_);
}

std::string RecordFile::append(std::string_view record) {
  if (!is_whole()) return "";
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      take_back(record.size() - rest.size());
      return failed_.exchange(true, std::memory_order_relaxed) ? "" : std::strerror(code);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return "";
}

// A disk that fills up takes the first part of a record. Nothing can be done where another process's record has come
// behind it already, or where the file is a pipe.
void RecordFile::take_back(std::size_t bytes) const {
  if (bytes == 0) return;
  const off_t end = ::lseek(file_, 0, SEEK_CUR);
  struct stat status {};
  if (end < 0 || ::fstat(file_, &status) != 0 || status.st_size != end) return;
  static_cast<void>(::ftruncate(file_, end - static_cast<off_t>(bytes)) == 0);
}

}  // namespace bosen::monitor
