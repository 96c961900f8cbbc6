#pragma once

// One part (train or test) of a data set: a LevelDB folder of images of one size and their labels, written once. Every
// block of it has LevelDB's checksum, which reading verifies.
//
// Format, version 1: key "meta" is a JSON object (format, version, channels, height, width, examples, classes: names);
// key "mean" the mean image of the training part, channels x height x width little-endian floats; key of example i its
// number as eight bytes, big-endian, with the value: label (four bytes, little-endian), then pixels, channels x height
// x width bytes.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace leveldb {
class DB;
}

namespace poseidon {

struct DataSetInfo {
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t examples = 0;
  std::vector<std::string> classes = {};  ///< their names; labels are indices
  std::vector<float> mean = {};           ///< of the training images, channels x height x width, 0 .. 255

  [[nodiscard]] std::int64_t pixels() const { return channels * height * width; }
};

/// An example as it is stored.
struct Example {
  std::span<const std::uint8_t> pixels;
  std::int32_t label = 0;
};

/// Read-only; any thread. Small sets are read into memory when they are opened. Any number of processes read one folder
/// at once (read_only_env.h).
class DataSet {
 public:
  static constexpr std::int64_t kCachedBytesMax = std::int64_t{1} << 30;

  /// Sets of up to `cached_bytes_max` are held in memory. Throws bosen::Error(kData) where the folder is no data set,
  /// or broken.
  explicit DataSet(const std::string& folder, std::int64_t cached_bytes_max = kCachedBytesMax);
  ~DataSet();
  DataSet(const DataSet&) = delete;
  DataSet& operator=(const DataSet&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const DataSetInfo& info() const { return info_; }

  /// Example `index`; its pixels lie in memory of the set or in `buffer`. Throws bosen::Error(kData) where the record
  /// is broken.
  [[nodiscard]] Example read(std::int64_t index, std::string& buffer) const;

 private:
  void read_meta();
  void read_all();
  [[nodiscard]] Example parse(std::int64_t index, const std::string& value) const;
  [[noreturn]] void refuse(const std::string& reason) const;

  const std::string folder_;
  std::unique_ptr<leveldb::DB> database_;
  DataSetInfo info_;
  std::vector<std::uint8_t> pixels_;  ///< of all examples, where they are in memory
  std::vector<std::int32_t> labels_;
};

/// The key of an example.
std::string example_key(std::int64_t index);

}  // namespace poseidon
