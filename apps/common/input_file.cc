#include "apps/common/input_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "bosen/error.h"

namespace apps {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 18;
constexpr std::size_t kShownBytes = 24;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void refuse_file(const std::string& path, const std::string& problem) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, problem));
}

void refuse_line(const std::string& path, std::size_t line, std::size_t column, const std::string& problem) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}:{}:{}: {}", path, line, column, problem));
}

std::string shown(std::string_view text) {
  std::string result(text.substr(0, kShownBytes));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > kShownBytes ? result + "..." : result;
}

struct InputFile::Handle {
  gzFile file = nullptr;
};

InputFile::InputFile(std::string path) : path_(std::move(path)), handle_(std::make_unique<Handle>()) {
  std::error_code error;
  if (std::filesystem::is_directory(path_, error)) refuse_file(path_, "is a folder, not a file");
  errno = 0;
  handle_->file = ::gzopen(path_.c_str(), "rb");
  if (handle_->file == nullptr) {
    refuse_file(path_, fmt::format("cannot be read: {}", errno != 0 ? std::strerror(errno) : "out of memory"));
  }
  ::gzbuffer(handle_->file, kChunkBytes);
}

InputFile::~InputFile() { ::gzclose(handle_->file); }

std::size_t InputFile::read(std::span<unsigned char> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto wanted = static_cast<unsigned>(std::min(bytes.size() - filled, kChunkBytes));
    const int got = ::gzread(handle_->file, bytes.data() + filled, wanted);
    int code = Z_OK;
    const char* const reason = ::gzerror(handle_->file, &code);
    if (code == Z_BUF_ERROR) refuse_file(path_, "ends inside its compressed data: it was cut short; fetch it again");
    if (code == Z_ERRNO) refuse_file(path_, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got < 0 || code != Z_OK) refuse_file(path_, fmt::format("is damaged ({}): fetch it again", reason));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

std::string read_text(const std::string& path) {
  InputFile file(path);
  std::string text;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!error) text.reserve(bytes);  // all of it, unless it is compressed
  std::array<unsigned char, kChunkBytes> chunk;
  while (const std::size_t count = file.read(chunk)) {
    text.append(reinterpret_cast<const char*>(chunk.data()), count);
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

bool LineReader::next() {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line_ = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  position_ = word_begin_ = 0;
  ++line_number_;
  return true;
}

std::string_view LineReader::word(const Separators& separators) {
  std::size_t begin = position_;
  while (begin < line_.size() && separators.has(line_[begin])) ++begin;
  std::size_t end = begin;
  while (end < line_.size() && !separators.has(line_[end])) ++end;
  word_begin_ = begin;
  position_ = end;
  return line_.substr(begin, end - begin);
}

void LineReader::refuse(const std::string& problem) const {
  refuse_line(path_, line_number_, word_begin_ + 1, problem);
}

}  // namespace apps
