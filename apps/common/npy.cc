#include "apps/common/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "apps/common/input_file.h"
#include "bosen/error.h"

namespace apps {
namespace {

static_assert(std::endian::native == std::endian::little, "the files say little endian");

constexpr std::size_t kAlignment = 64;

/// Magic, version, length of the header's text, and that text; padded so that the data is aligned.
std::string npy_header(const char* type, const std::vector<std::int64_t>& shape) {
  std::string sizes;
  for (const std::int64_t size : shape) sizes += fmt::format("{},", size);
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  constexpr std::size_t kPrefix = 10;
  const std::size_t length = (kPrefix + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment - kPrefix;
  text.resize(length - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(length & 0xff);
  header += static_cast<char>(length >> 8);
  return header + text;
}

template <class T>
const char* type_name() {
  if constexpr (std::is_same_v<T, float>) return "<f4";
  if constexpr (std::is_same_v<T, double>) return "<f8";
  if constexpr (std::is_same_v<T, std::int32_t>) return "<i4";
  return "<i8";
}

/// The numbers between the brackets that follow 'shape'.
std::vector<std::int64_t> shape_of(const std::string& header) {
  std::vector<std::int64_t> shape;
  const std::size_t begin = header.find('(', std::min(header.find("'shape'"), header.size()));
  const std::size_t end = header.find(')', std::min(begin, header.size()));
  if (end == std::string::npos) return shape;
  for (std::size_t at = begin + 1; at < end;) {
    std::int64_t size = 0;
    const auto [stop, error] = std::from_chars(&header[at], &header[end], size);
    if (error == std::errc{}) shape.push_back(size);
    at = std::max(at, static_cast<std::size_t>(stop - header.data())) + 1;
  }
  return shape;
}

}  // namespace

template <class T>
NpyArray<T> read_npy(const std::string& path) {
  const std::string text = read_text(path);
  constexpr std::size_t kPrefix = 10;
  if (text.size() < kPrefix || !text.starts_with(std::string_view("\x93NUMPY\x01\x00", 8))) {
    refuse_file(path, "is no .npy file of format 1.0");
  }
  const std::size_t length = static_cast<unsigned char>(text[8]) + 256U * static_cast<unsigned char>(text[9]);
  const std::string header = text.substr(kPrefix, length);
  const std::string_view data = std::string_view(text).substr(std::min(kPrefix + length, text.size()));
  if (header.find(type_name<T>()) == std::string::npos || header.find("'fortran_order': False") == std::string::npos) {
    refuse_file(path, fmt::format("is not an array of type {} in C order", type_name<T>()));
  }
  NpyArray<T> array{.values = {}, .shape = shape_of(header)};
  std::size_t count = 1;
  for (const std::int64_t size : array.shape) {
    if (size < 0 || (size > 0 && count > data.size() / static_cast<std::size_t>(size)))
      refuse_file(path, "is cut short");
    count *= static_cast<std::size_t>(size);
  }
  if (data.size() != count * sizeof(T)) refuse_file(path, "has not as many values as its header says");
  array.values.resize(count);
  std::memcpy(array.values.data(), data.data(), data.size());
  return array;
}

template <class T>
void write_npy(const std::string& path, std::span<const T> values, const std::vector<std::int64_t>& shape) {
  const std::string header = npy_header(type_name<T>(), shape);
  const std::string temporary = path + ".partial";
  const auto refuse = [&] {
    const std::string reason = std::strerror(errno);
    std::remove(temporary.c_str());
    throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("cannot write '{}': {}", path, reason));
  };
  std::FILE* const file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) refuse();
  const bool written = std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
                       std::fwrite(values.data(), sizeof(T), values.size(), file) == values.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || std::rename(temporary.c_str(), path.c_str()) != 0) refuse();
}

template void write_npy(const std::string&, std::span<const float>, const std::vector<std::int64_t>&);
template void write_npy(const std::string&, std::span<const double>, const std::vector<std::int64_t>&);
template void write_npy(const std::string&, std::span<const std::int32_t>, const std::vector<std::int64_t>&);
template void write_npy(const std::string&, std::span<const std::int64_t>, const std::vector<std::int64_t>&);

template NpyArray<std::int32_t> read_npy(const std::string&);

}  // namespace apps
