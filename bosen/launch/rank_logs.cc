#include "bosen/launch/rank_logs.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "bosen/base/error.h"

namespace bosen::launch {

RankLogs::RankLogs(const std::string& folder, int size, Mode mode) : folder_(folder) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    throw Error(ErrorKind::kStorage,
                fmt::format("cannot make the output folder '{}': {}; name another with --output-dir", folder_,
                            error.message()));
  }
  files_.resize(static_cast<std::size_t>(size));
  for (Rank rank = 0; rank < size; ++rank) {
    for (const Stream stream : {Stream::kOut, Stream::kErr}) {
      File& file = files_[static_cast<std::size_t>(rank)][static_cast<std::size_t>(stream)];
      const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (mode == Mode::kEmpty ? O_TRUNC : O_APPEND);
      file.fd.reset(::open(path(rank, stream).c_str(), flags, 0644));
      if (!file.fd) {
        throw Error(ErrorKind::kStorage, fmt::format("cannot write '{}': {}; name another folder with --output-dir",
                                                     path(rank, stream), std::strerror(errno)));
      }
    }
  }
  remove_others(size);
}

void RankLogs::remove_others(Rank first) const {
  std::error_code error;
  for (Rank rank = first; std::filesystem::remove(path(rank, Stream::kOut), error); ++rank) {
    std::filesystem::remove(path(rank, Stream::kErr), error);
  }
}

std::string RankLogs::path(Rank rank, Stream stream) const {
  return fmt::format("{}/rank-{}.{}", folder_, rank, stream == Stream::kOut ? "out" : "err");
}

std::string RankLogs::write(Rank rank, Stream stream, std::string_view bytes) {
  if (folder_.empty()) return {};
  File& file = files_.at(static_cast<std::size_t>(rank)).at(static_cast<std::size_t>(stream));
  while (file.fd && !bytes.empty()) {
    const ssize_t written = ::write(file.fd.get(), bytes.data(), bytes.size());
    if (written > 0) {
      file.has_bytes = true;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      file.fd.reset();
      complete_ = false;
      return fmt::format("cannot write '{}' any more: {}", path(rank, stream), std::strerror(errno));
    }
  }
  return {};
}

std::string RankLogs::path_to_read(Rank rank) const {
  if (folder_.empty()) return {};
  const auto& files = files_.at(static_cast<std::size_t>(rank));
  return path(rank, files[1].has_bytes || !files[0].has_bytes ? Stream::kErr : Stream::kOut);
}

}  // namespace bosen::launch
