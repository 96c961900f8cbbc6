#include "poseidon/data/data_set_writer.h"

#include <fmt/format.h>
#include <leveldb/db.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "bosen/error.h"
#include "poseidon/spec/json.h"
#include "poseidon/spec/utf8.h"

namespace poseidon {

DataSetWriter::DataSetWriter(const std::string& folder, DataSetInfo info)
    : folder_(folder), info_(std::move(info)), sums_(static_cast<std::size_t>(info_.pixels()), 0.0) {
  info_.examples = 0;
  for (const std::string& name : info_.classes) check_name(name);
  leveldb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.write_buffer_size = std::size_t{32} << 20;
  options.max_file_size = options.write_buffer_size;
  leveldb::DB* database = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, folder, &database);
  check(status.ok(), status.ToString());
  database_.reset(database);
}

DataSetWriter::~DataSetWriter() = default;

void DataSetWriter::check(bool ok, const std::string& why) const {
  if (!ok) throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("{}: cannot be written: {}", folder_, why));
}

// Better known before all images are read.
void DataSetWriter::check_name(const std::string& name) const {
  if (is_utf8(name)) return;
  throw bosen::Error(bosen::ErrorKind::kData,
                     fmt::format("the name of the class {} is not UTF-8: rename it", quoted_json(name)));
}

void DataSetWriter::put(const std::string& key, const std::string& value) {
  const leveldb::Status status = database_->Put(leveldb::WriteOptions(), key, value);
  check(status.ok(), status.ToString());
}

void DataSetWriter::add(std::span<const std::uint8_t> pixels, std::int32_t label) {
  std::string value(4 + pixels.size(), '\0');
  for (std::size_t i = 0; i < 4; ++i) value[i] = static_cast<char>((label >> (8 * i)) & 0xFF);
  std::memcpy(value.data() + 4, pixels.data(), pixels.size());
  put(example_key(info_.examples++), value);
  for (std::size_t i = 0; i < pixels.size(); ++i) sums_[i] += pixels[i];
}

DataSetInfo DataSetWriter::finish() {
  if (info_.examples == 0) throw bosen::Error(bosen::ErrorKind::kData, folder_ + ": there are no images to write");
  if (info_.mean.empty()) {
    for (const double sum : sums_) {
      info_.mean.push_back(static_cast<float>(sum / static_cast<double>(info_.examples)));
    }
  }
  std::string mean(info_.mean.size() * sizeof(float), '\0');
  std::memcpy(mean.data(), info_.mean.data(), mean.size());
  put("mean", mean);
  const nlohmann::json meta{{"format", "poseidon data set"}, {"version", 1},         {"channels", info_.channels},
                            {"height", info_.height},        {"width", info_.width}, {"examples", info_.examples},
                            {"classes", info_.classes}};
  put("meta", dump_json(meta));
  // Readers need an empty log (read_only_env.h).
  database_->CompactRange(nullptr, nullptr);
  database_.reset();
  // LevelDB reports nothing when that fails, on a full disk say, but the log stays.
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    if (file.path().extension() == ".log") check(file.file_size() == 0, "is the disk full?");
  }
  return info_;
}

}  // namespace poseidon
