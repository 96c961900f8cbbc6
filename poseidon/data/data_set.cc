#include "poseidon/data/data_set.h"

#include <fmt/format.h>
#include <leveldb/db.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bosen/error.h"
#include "poseidon/data/read_only_env.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

constexpr std::size_t kLabelBytes = 4;
constexpr std::int64_t kExtentMax = 1 << 16;
constexpr std::int64_t kPixelsMax = std::int64_t{1} << 30;
constexpr std::int64_t kExamplesMax = std::int64_t{1} << 32;

leveldb::ReadOptions checked() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}

}  // namespace

std::string example_key(std::int64_t index) {
  std::string key(8, '\0');
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>((index >> (8 * (7 - i))) & 0xFF);
  return key;
}

void DataSet::refuse(const std::string& reason) const {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", folder_, reason));
}

DataSet::DataSet(const std::string& folder, std::int64_t cached_bytes_max) : folder_(folder) {
  std::error_code error;
  const std::filesystem::path above = std::filesystem::path(folder).parent_path();
  if (!above.empty() && !std::filesystem::exists(above, error) && !error) {
    refuse("is not there, nor is " + above.string() + ": name the folder that 'poseidon data' made");
  }
  if (!std::filesystem::exists(folder + "/CURRENT", error)) {
    refuse("is no data set: make one with 'poseidon data --from idx|cifar10|images --images PATH --output DIR'");
  }
  leveldb::Options options;
  options.env = read_only_env();
  options.paranoid_checks = true;
  leveldb::DB* database = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, folder, &database);
  if (!status.ok())
    refuse("is broken, or was not finished: make it again with 'poseidon data' (" + status.ToString() + ")");
  database_.reset(database);
  read_meta();
  if (info_.pixels() * info_.examples <= cached_bytes_max) read_all();
}

DataSet::~DataSet() = default;

void DataSet::read_meta() {
  std::string text;
  std::string mean;
  if (!database_->Get(checked(), "meta", &text).ok() || !database_->Get(checked(), "mean", &mean).ok()) {
    refuse("is no data set of poseidon, or was not finished: make it again with 'poseidon data'");
  }
  const nlohmann::json meta = parse_json(text);
  try {
    if (meta.at("format") != "poseidon data set" || meta.at("version") != 1)
      refuse("is of another version: make it again");
    info_.channels = meta.at("channels").get<std::int64_t>();
    info_.height = meta.at("height").get<std::int64_t>();
    info_.width = meta.at("width").get<std::int64_t>();
    info_.examples = meta.at("examples").get<std::int64_t>();
    info_.classes = meta.at("classes").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    refuse(std::string("has a broken description, make it again: ") + error.what());
  }
  for (const std::int64_t extent : {info_.channels, info_.height, info_.width}) {
    if (extent < 1 || extent > kExtentMax) refuse("has a broken description, make it again");
  }
  if (info_.pixels() > kPixelsMax || info_.examples > kExamplesMax) refuse("has a broken description, make it again");
  if (info_.examples < 1) refuse("is empty");
  if (mean.size() != static_cast<std::size_t>(info_.pixels()) * sizeof(float))
    refuse("has a broken mean image, make it again");
  info_.mean.resize(static_cast<std::size_t>(info_.pixels()));
  std::memcpy(info_.mean.data(), mean.data(), mean.size());
}

void DataSet::read_all() {
  const auto bytes = static_cast<std::size_t>(info_.pixels());
  pixels_.reserve(bytes * static_cast<std::size_t>(info_.examples));
  const std::unique_ptr<leveldb::Iterator> iterator(database_->NewIterator(checked()));
  iterator->SeekToFirst();
  for (std::int64_t index = 0; index < info_.examples; ++index, iterator->Next()) {
    if (!iterator->Valid() || iterator->key().ToString() != example_key(index)) {
      const std::string why = iterator->status().ok() ? "it is missing" : iterator->status().ToString();
      refuse(fmt::format("example {} can't be read, make the data set again: {}", index, why));
    }
    const std::string value = iterator->value().ToString();
    const Example example = parse(index, value);
    pixels_.insert(pixels_.end(), example.pixels.begin(), example.pixels.end());
    labels_.push_back(example.label);
  }
}

Example DataSet::parse(std::int64_t index, const std::string& value) const {
  if (value.size() != kLabelBytes + static_cast<std::size_t>(info_.pixels())) {
    refuse(fmt::format("example {} has {} bytes, not {}: make the data set again", index, value.size(),
                       kLabelBytes + static_cast<std::size_t>(info_.pixels())));
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(value.data());
  std::uint32_t label = 0;
  for (std::size_t i = kLabelBytes; i-- > 0;) label = label << 8 | bytes[i];
  if (label >= info_.classes.size()) {
    refuse(fmt::format("example {} has the label {}, but there are {} classes", index, label, info_.classes.size()));
  }
  return {{bytes + kLabelBytes, static_cast<std::size_t>(info_.pixels())}, static_cast<std::int32_t>(label)};
}

Example DataSet::read(std::int64_t index, std::string& buffer) const {
  if (!labels_.empty()) {
    const auto bytes = static_cast<std::size_t>(info_.pixels());
    const auto place = static_cast<std::size_t>(index);
    return {{pixels_.data() + place * bytes, bytes}, labels_[place]};
  }
  const leveldb::Status status = database_->Get(checked(), example_key(index), &buffer);
  if (!status.ok())
    refuse(fmt::format("example {} can't be read, make the data set again: {}", index, status.ToString()));
  return parse(index, buffer);
}

}  // namespace poseidon
