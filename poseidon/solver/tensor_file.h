#pragma once

// Named tensors in a file, exactly in the safetensors format, so that other tools read what we wrote and we read what
// they wrote:
//
//     u64 little-endian: bytes of the header
//     the header, JSON: {"NAME": {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, "__metadata__": {...}}
//     the data, without gaps; offsets count from its begin
//
// Files are trusted no further than they have been checked.

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "poseidon/shape.h"

namespace poseidon {

/// A tensor to be written: `read` puts its row-major elements into a span of that many.
struct TensorSource {
  std::string name;
  Shape shape;
  std::function<void(std::span<float>)> read;
};

/// Writes the file, has the disk confirm it, and returns its checksum (checksum_of_file). Throws
/// bosen::Error(kStorage); what there is of the file then is of no use.
std::uint32_t write_tensor_file(const std::string& path, std::span<const TensorSource> tensors,
                                const std::map<std::string, std::string>& metadata = {});

/// A file of tensors, opened and checked. Used by one thread.
class TensorFile {
 public:
  struct Entry {
    Shape shape;
    std::int64_t begin = 0;  ///< byte in the file
  };

  /// Reads and checks the header. Throws bosen::Error(kData): missing, truncated, no safetensors file, elements that
  /// are not F32.
  explicit TensorFile(const std::string& path);
  ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The elements of a tensor that is there, row-major, as many as its shape has.
  void read(const std::string& name, std::span<float> elements) const;

 private:
  void parse_header(const std::string& header, std::int64_t data_begin, std::int64_t data_bytes);

  std::string path_;
  int file_ = -1;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace poseidon
