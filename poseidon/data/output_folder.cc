#include "poseidon/data/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "bosen/error.h"

namespace poseidon {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const std::string& reason) { throw bosen::Error(bosen::ErrorKind::kStorage, reason); }

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

OutputFolder::OutputFolder(const std::string& path) : path_(without_slash(path)), partial_(path_ + ".partial") {
  std::error_code error;
  if (fs::exists(path_, error))
    refuse(fmt::format("{}: is there already; remove it or name another with --output", path_));
  fs::create_directories(partial_, error);
  if (!error) {
    lock_ = ::open(partial_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_ < 0) error.assign(errno, std::generic_category());
  }
  if (error) {
    refuse(fmt::format("{}: cannot be made: {}; name another folder with --output", partial_, error.message()));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    refuse(
        fmt::format("{}: another process is writing it; wait for that, or name another folder with --output", path_));
  }
  // What a killed process left there.
  for (const auto& entry : fs::directory_iterator(partial_, error)) fs::remove_all(entry.path(), error);
}

OutputFolder::~OutputFolder() {
  std::error_code error;
  if (!complete_) fs::remove_all(partial_, error);
  ::close(lock_);
}

void OutputFolder::complete() {
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error) refuse(fmt::format("{}: cannot be renamed to {}: {}", partial_, path_, error.message()));
  complete_ = true;
}

}  // namespace poseidon
