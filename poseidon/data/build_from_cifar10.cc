#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "bosen/error.h"
#include "poseidon/data/build.h"
#include "poseidon/data/data_set_writer.h"
#include "poseidon/data/output_folder.h"

namespace poseidon {
namespace {

constexpr std::size_t kRecordBytes = 1 + 3 * 32 * 32;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, reason));
}

std::vector<std::string> class_names(const std::string& folder) {
  std::vector<std::string> names;
  std::ifstream file(folder + "/batches.meta.txt");
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  if (names.size() == 10) return names;
  names.clear();
  for (int label = 0; label < 10; ++label) names.push_back(std::to_string(label));
  return names;
}

void add_file(const std::string& path, DataSetWriter& writer) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    refuse(path, fmt::format("cannot be read: {}; give the folder of CIFAR-10's .bin files with --images",
                             std::strerror(errno)));
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) refuse(path, "cannot be read: " + error.message());
  if (bytes == 0 || bytes % kRecordBytes != 0) {
    refuse(path, fmt::format("has {} bytes, which is no multiple of {}: it was cut short, or is no CIFAR-10 file",
                             bytes, kRecordBytes));
  }
  std::array<char, kRecordBytes> record{};
  for (std::uintmax_t number = 0; number < bytes / kRecordBytes; ++number) {
    if (!file.read(record.data(), record.size())) refuse(path, "cannot be read to its end");
    const auto label = static_cast<std::uint8_t>(record[0]);
    if (label > 9) {
      refuse(path, fmt::format("label {} of example {} is out of range: labels are 0 to 9", label, number));
    }
    writer.add({reinterpret_cast<const std::uint8_t*>(record.data()) + 1, record.size() - 1}, label);
  }
}

/// The mean image is `mean`, or that of the images where that is empty.
DataSetInfo build_part(const BuildOptions& options, const std::vector<std::string>& files, const std::string& part,
                       const std::string& folder, const std::vector<float>& mean) {
  DataSetWriter writer(
      folder + "/" + part,
      {.channels = 3, .height = 32, .width = 32, .classes = class_names(options.images), .mean = mean});
  std::int64_t done = 0;
  for (const std::string& file : files) {
    add_file(options.images + "/" + file, writer);
    ++done;
    options.progress(part, writer.examples(), writer.examples() / done * static_cast<std::int64_t>(files.size()));
  }
  return writer.finish();
}

}  // namespace

BuildResult build_from_cifar10(const BuildOptions& options) {
  OutputFolder output(options.output);
  std::vector<std::string> train;
  for (int number = 1; number <= 5; ++number) train.push_back(fmt::format("data_batch_{}.bin", number));
  BuildResult result;
  const DataSetInfo trained = build_part(options, train, "train", output.path(), {});
  result.train = trained.examples;
  result.test = build_part(options, {"test_batch.bin"}, "test", output.path(), trained.mean).examples;
  output.complete();
  return result;
}

}  // namespace poseidon
