#include "apps/common/npy.h"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>

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

}  // namespace

template <class T>
void write_npy(const std::string& path, std::span<const T> values, const std::vector<std::int64_t>& shape) {
  const std::string header = npy_header(std::is_same_v<T, float>    ? "<f4"
                                        : std::is_same_v<T, double> ? "<f8"
                                                                    : "<i8",
                                        shape);
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
template void write_npy(const std::string&, std::span<const std::int64_t>, const std::vector<std::int64_t>&);

}  // namespace apps
