#include "poseidon/solver/tensor_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "bosen/error.h"
#include "poseidon/solver/durable_file.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie in memory");

constexpr std::int64_t kLengthBytes = 8;
/// The reference implementation's bound; larger headers are refused before memory is taken.
constexpr std::uint64_t kHeaderBytesMax = 100'000'000;
constexpr std::int64_t kElementsMax = std::int64_t{1} << 40;
constexpr int kRankMax = 32;
constexpr std::size_t kAlignment = 8;
constexpr auto kFloatBytes = static_cast<std::int64_t>(sizeof(float));

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, reason));
}

std::string header_of(std::span<const TensorSource> tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::int64_t begin = 0;
  for (const TensorSource& tensor : tensors) {
    const std::int64_t end = begin + tensor.shape.count() * kFloatBytes;
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape.extents()}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = dump_json(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

/// Exactly so many bytes from a place of the file.
void read_at(int file, const std::string& path, std::int64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(file, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(path, std::strerror(errno));
    if (count == 0) refuse(path, "was cut short: take another copy or snapshot");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += count;
  }
}

/// A tensor as the header has it, in bytes of the data.
struct Extent {
  Shape shape;
  std::int64_t begin = 0, end = 0;
};

Extent extent_of(const std::string& path, const std::string& name, const nlohmann::json& json) {
  const auto bad = [&](const std::string& reason) { refuse(path, fmt::format("tensor '{}' {}", name, reason)); };
  const auto whole = [](const nlohmann::json& value) { return value.is_number_unsigned(); };
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets")) {
    bad("has no dtype, shape and data_offsets: this is no safetensors file");
  }
  if (json["dtype"] != "F32")
    bad(fmt::format("has elements of type {}, not F32: convert it", dump_json(json["dtype"])));
  const nlohmann::json& shape = json["shape"];
  const nlohmann::json& offsets = json["data_offsets"];
  if (!shape.is_array() || shape.size() > kRankMax || !std::all_of(shape.begin(), shape.end(), whole)) {
    bad("has a shape that is no list of sizes");
  }
  if (!offsets.is_array() || offsets.size() != 2 || !std::all_of(offsets.begin(), offsets.end(), whole)) {
    bad("has data_offsets that are no pair of offsets");
  }
  std::int64_t count = 1;
  for (const nlohmann::json& extent : shape) {
    const auto size = extent.get<std::uint64_t>();
    if (size > kElementsMax) bad("is larger than any tensor");
    if (__builtin_mul_overflow(count, static_cast<std::int64_t>(size), &count) || count > kElementsMax) {
      bad("is larger than any tensor");
    }
  }
  Extent extent{.shape = Shape(shape.get<std::vector<std::int64_t>>())};
  const std::uint64_t begin = offsets[0].get<std::uint64_t>();
  const std::uint64_t end = offsets[1].get<std::uint64_t>();
  if (end > static_cast<std::uint64_t>(kElementsMax) * sizeof(float) || begin > end ||
      end - begin != static_cast<std::uint64_t>(count * kFloatBytes)) {
    bad("has data_offsets that do not fit its shape");
  }
  extent.begin = static_cast<std::int64_t>(begin);
  extent.end = static_cast<std::int64_t>(end);
  return extent;
}

/// JSON in which no object has a key twice; the library would keep the last one silently.
nlohmann::json parse_strictly(const std::string& path, const std::string& text) {
  std::vector<std::string> names;
  const auto collect = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth == 1 && event == nlohmann::json::parse_event_t::key) names.push_back(parsed.get<std::string>());
    return true;
  };
  nlohmann::json json = nlohmann::json::parse(text, collect, /*allow_exceptions=*/false);
  if (!json.is_object()) refuse(path, "its header is no JSON object: this is no safetensors file, or it is damaged");
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) refuse(path, fmt::format("has two tensors named '{}'", *twice));
  return json;
}

}  // namespace

std::uint32_t write_tensor_file(const std::string& path, std::span<const TensorSource> tensors,
                                const std::map<std::string, std::string>& metadata) {
  SummedFile file(path);
  const std::string header = header_of(tensors, metadata);
  const std::array<std::uint64_t, 1> length{header.size()};
  file.write(std::as_bytes(std::span(length)));
  file.write(header);
  std::vector<float> elements;
  for (const TensorSource& tensor : tensors) {
    elements.resize(static_cast<std::size_t>(tensor.shape.count()));
    tensor.read(elements);
    file.write(std::as_bytes(std::span(elements)));
  }
  file.commit();
  return file.checksum();
}

TensorFile::TensorFile(const std::string& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) refuse(path, errno == ENOENT ? "is not there" : std::strerror(errno));
  try {
    struct stat status {};
    if (::fstat(file_, &status) != 0) refuse(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) refuse(path, "is no file: name one of safetensors");
    if (status.st_size < kLengthBytes)
      refuse(path, "is too short for a safetensors file: it was cut short or is another");
    std::array<std::uint64_t, 1> length{};
    read_at(file_, path, 0, std::as_writable_bytes(std::span(length)));
    if (length[0] > kHeaderBytesMax) refuse(path, "is no safetensors file: it begins with no length of a header");
    const std::int64_t data_begin = kLengthBytes + static_cast<std::int64_t>(length[0]);
    if (data_begin > status.st_size) refuse(path, "was cut short within its header: take another copy or snapshot");
    std::string header(length[0], '\0');
    read_at(file_, path, kLengthBytes, std::as_writable_bytes(std::span(header)));
    parse_header(header, data_begin, status.st_size - data_begin);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

TensorFile::~TensorFile() { ::close(file_); }

void TensorFile::parse_header(const std::string& header, std::int64_t data_begin, std::int64_t data_bytes) {
  const nlohmann::json json = parse_strictly(path_, header);
  std::map<std::int64_t, std::int64_t> pieces;  // begin -> end, to find gaps and overlaps
  std::int64_t total = 0;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, text] : value.items()) {
        if (text.is_string()) metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    Extent extent = extent_of(path_, name, value);
    total = std::max(total, extent.end);
    if (extent.end > extent.begin && !pieces.emplace(extent.begin, extent.end).second) {
      refuse(path_, fmt::format("tensor '{}' lies upon another: the file is damaged", name));
    }
    entries_[name] = {.shape = std::move(extent.shape), .begin = data_begin + extent.begin};
  }
  std::int64_t expected = 0;
  for (const auto& [begin, end] : pieces) {
    if (begin != expected) refuse(path_, "its tensors overlap or leave gaps: the file is damaged");
    expected = end;
  }
  if (total > data_bytes) {
    refuse(path_, fmt::format("was cut short: {} bytes of tensors are there, its header promises {}: take another copy "
                              "or snapshot",
                              data_bytes, total));
  }
  if (total < data_bytes) refuse(path_, "has bytes behind its tensors: the file is damaged");
}

void TensorFile::read(const std::string& name, std::span<float> elements) const {
  read_at(file_, path_, entries_.at(name).begin, std::as_writable_bytes(elements));
}

}  // namespace poseidon
