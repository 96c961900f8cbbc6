#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "poseidon/data/data_set.h"

namespace leveldb {
class DB;
}

namespace poseidon {

/// Writes one part of a data set (its format: data_set.h). The description comes last, so a part that was not finished
/// is known for one. Used by one thread. Throws bosen::Error(kStorage) where the folder can't be written.
class DataSetWriter {
 public:
  /// `info` says the extents and classes, and the mean where it is not that of the images to come: a test part has the
  /// mean of its training part. The folder must not be there yet.
  DataSetWriter(const std::string& folder, DataSetInfo info);
  ~DataSetWriter();
  DataSetWriter(const DataSetWriter&) = delete;
  DataSetWriter& operator=(const DataSetWriter&) = delete;

  /// Pixels are channels x height x width.
  void add(std::span<const std::uint8_t> pixels, std::int32_t label);
  [[nodiscard]] std::int64_t examples() const { return info_.examples; }
  /// Says what was written. Throws bosen::Error(kData) where that is nothing.
  DataSetInfo finish();

 private:
  void check_name(const std::string& name) const;
  void put(const std::string& key, const std::string& value);
  void check(bool ok, const std::string& why) const;

  const std::string folder_;
  DataSetInfo info_;
  std::unique_ptr<leveldb::DB> database_;
  std::vector<double> sums_;
};

}  // namespace poseidon
