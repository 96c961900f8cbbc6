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

/// Refuses, or notes that records are left out.
void leave_out(const BuildOptions& options, const std::string& path, const std::string& reason, BuildResult& result) {
  if (!options.skip_broken) refuse(path, reason + "; --broken skip leaves such records out");
  if (result.broken++ == 0) result.first_broken = path + ": " + reason;
}

void add_file(const BuildOptions& options, const std::string& path, DataSetWriter& writer, BuildResult& result) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    refuse(path, fmt::format("cannot be read: {}; give the folder of CIFAR-10's .bin files with --images",
                             std::strerror(errno)));
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) refuse(path, "cannot be read: " + error.message());
  if (bytes == 0) refuse(path, "is empty");
  if (bytes % kRecordBytes != 0) {
    leave_out(options, path,
              fmt::format("has {} bytes, which is no multiple of {}: it was cut short, or is no CIFAR-10 file", bytes,
                          kRecordBytes),
              result);
  }
  std::array<char, kRecordBytes> record{};
  for (std::uintmax_t number = 0; number < bytes / kRecordBytes; ++number) {
    if (!file.read(record.data(), record.size())) refuse(path, "cannot be read to its end");
    const auto label = static_cast<std::uint8_t>(record[0]);
    if (label > 9) {
      leave_out(options, path, fmt::format("label {} of example {} is out of range: labels are 0 to 9", label, number),
                result);
      continue;
    }
    writer.add({reinterpret_cast<const std::uint8_t*>(record.data()) + 1, record.size() - 1}, label);
  }
}

/// The mean image is `mean`, or that of the images where that is empty.
DataSetInfo build_part(const BuildOptions& options, const std::vector<std::string>& files, const std::string& part,
                       const std::string& folder, const std::vector<float>& mean, BuildResult& result) {
  DataSetWriter writer(
      folder + "/" + part,
      {.channels = 3, .height = 32, .width = 32, .classes = class_names(options.images), .mean = mean});
  std::int64_t done = 0;
  for (const std::string& file : files) {
    add_file(options, options.images + "/" + file, writer, result);
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
  const DataSetInfo trained = build_part(options, train, "train", output.path(), {}, result);
  result.train = trained.examples;
  result.test = build_part(options, {"test_batch.bin"}, "test", output.path(), trained.mean, result).examples;
  output.complete();
  return result;
}

}  // namespace poseidon
