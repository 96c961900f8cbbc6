#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <limits>

#include "apps/common/input_file.h"
#include "apps/mlr/data_set.h"

namespace mlr {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;  // unsigned bytes, three dimensions
constexpr std::uint32_t kLabelsMagic = 0x00000801;  // unsigned bytes, one dimension
constexpr std::size_t kPixelsMax = std::size_t{1} << 24;

std::string find(const std::string& folder, const std::string& name) {
  const std::string plain = folder + "/" + name;
  for (const std::string& path : {plain, plain + ".gz"}) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
    if (error) apps::refuse_file(path, "cannot be read: " + error.message());
  }
  apps::refuse_file(plain,
                    fmt::format("is not there, nor is {}.gz: a folder of IDX files holds train-images-idx3-ubyte, "
                                "train-labels-idx1-ubyte and the same of t10k",
                                name));
}

std::uint32_t read_number(apps::InputFile& file) {
  std::array<unsigned char, 4> bytes{};
  const std::size_t got = file.read(bytes);
  if (got == 0) apps::refuse_file(file.path(), "is empty or ends inside its header: fetch it again");
  if (got < bytes.size()) apps::refuse_file(file.path(), "ends inside its header: it was cut short; fetch it again");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

void check_magic(apps::InputFile& file, std::uint32_t expected, const char* what) {
  const std::uint32_t magic = read_number(file);
  if (magic == expected) return;
  apps::refuse_file(file.path(), fmt::format("is no IDX file of {}: it begins with {:#010x} instead of {:#010x}", what,
                                             magic, expected));
}

void check_end(apps::InputFile& file, std::uint32_t count, const char* what) {
  std::array<unsigned char, 1> byte{};
  if (file.read(byte) == 0) return;
  apps::refuse_file(file.path(),
                    fmt::format("goes on after the {} {} that its header promises: fetch it again", count, what));
}

[[noreturn]] void refuse_short(const apps::InputFile& file, std::uint32_t got, std::uint32_t count, const char* what) {
  apps::refuse_file(file.path(), fmt::format("has {} {} where its header promises {}: it was cut short; fetch it again",
                                             got, what, count));
}

std::vector<unsigned char> read_labels(const std::string& path, int classes) {
  apps::InputFile file(path);
  check_magic(file, kLabelsMagic, "labels");
  const std::uint32_t count = read_number(file);
  std::vector<unsigned char> labels;
  std::array<unsigned char, 4096> chunk{};
  while (labels.size() < count) {
    const std::size_t wanted = std::min(chunk.size(), count - labels.size());
    const std::size_t got = file.read(std::span(chunk).first(wanted));
    labels.insert(labels.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
    if (got < wanted) refuse_short(file, static_cast<std::uint32_t>(labels.size()), count, "labels");
  }
  check_end(file, count, "labels");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < classes) continue;
    apps::refuse_file(path, fmt::format("label {} of example {} is out of range: labels are 0 to {}; more classes need "
                                        "--classes",
                                        labels[i], i, classes - 1));
  }
  return labels;
}

}  // namespace

Examples read_idx(const std::string& folder, const std::string& name, int classes) {
  const std::string labels_path = find(folder, name + "-labels-idx1-ubyte");
  apps::InputFile file(find(folder, name + "-images-idx3-ubyte"));
  check_magic(file, kImagesMagic, "images");
  const std::uint32_t count = read_number(file);
  const std::size_t rows = read_number(file);
  const std::size_t columns = read_number(file);
  if (count == 0) apps::refuse_file(file.path(), "holds no images: give one with data");
  if (rows == 0 || columns == 0 || rows > kPixelsMax || columns > kPixelsMax || rows * columns > kPixelsMax) {
    apps::refuse_file(file.path(), fmt::format("says that images have {} x {} pixels: is it damaged?", rows, columns));
  }
  const std::vector<unsigned char> labels = read_labels(labels_path, classes);
  if (labels.size() != count) {
    apps::refuse_file(labels_path,
                      fmt::format("has {} labels for the {} images of {}: the files belong to different data "
                                  "sets",
                                  labels.size(), count, file.path()));
  }
  Examples examples{
      .features = static_cast<std::int64_t>(rows * columns), .classes = classes, .labels = {}, .nonzeros = {}};
  std::vector<unsigned char> image(rows * columns);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (file.read(image) < image.size()) refuse_short(file, i, count, "images");
    for (std::size_t column = 0; column < image.size(); ++column) {
      if (image[column] == 0) continue;
      examples.nonzeros.push_back({static_cast<std::uint32_t>(column), static_cast<float>(image[column]) / 255.0F});
    }
    examples.close_example(labels[i]);
  }
  check_end(file, count, "images");
  return examples;
}

}  // namespace mlr
