#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <vector>

#include "bosen/error.h"
#include "poseidon/data/build.h"
#include "poseidon/data/data_set_writer.h"
#include "poseidon/data/image_file.h"
#include "poseidon/data/output_folder.h"

namespace poseidon {
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kProgressEvery = 100;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, reason));
}

std::vector<std::string> names_in(const std::string& folder, bool folders) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory() == folders) names.push_back(entry->path().filename().string());
  }
  if (error)
    refuse(folder, "cannot be read: " + error.message() + "; --images names a folder with train/CLASS and test/CLASS");
  std::sort(names.begin(), names.end());
  return names;
}

struct LabelledFile {
  std::string path;
  std::int32_t label = 0;
};

std::vector<LabelledFile> list_files(const std::string& folder, const std::vector<std::string>& classes) {
  std::vector<LabelledFile> files;
  for (const std::string& name : names_in(folder, true)) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end()) refuse(folder + "/" + name, "is a class that the training images do not have");
    for (const std::string& file : names_in(folder + "/" + name, false)) {
      if (is_image_name(file))
        files.push_back(
            {fmt::format("{}/{}/{}", folder, name, file), static_cast<std::int32_t>(found - classes.begin())});
    }
  }
  if (files.empty()) refuse(folder, "has no images (CLASS/*.jpg, *.jpeg or *.png)");
  return files;
}

class Builder {
 public:
  explicit Builder(const BuildOptions& options)
      : options_(options),
        classes_(names_in(options.images + "/train", true)),
        height_(options.height),
        width_(options.width) {}

  std::int64_t build(const std::string& part, const std::string& folder) {
    std::vector<LabelledFile> files = list_files(options_.images + "/" + part, classes_);
    // Sets too large for memory are read in their order where records are near each other: it should be no class's.
    std::shuffle(files.begin(), files.end(), std::mt19937_64(options_.seed));
    std::optional<DataSetWriter> writer;
    std::int64_t done = 0;
    for (const LabelledFile& file : files) {
      if (const std::optional<Image> image = read(file.path)) {
        if (!writer) writer.emplace(folder + "/" + part, info(*image));
        writer->add(resize(*image, height_, width_).pixels, file.label);
      }
      if (++done % kProgressEvery == 0) options_.progress(part, done, static_cast<std::int64_t>(files.size()));
    }
    options_.progress(part, done, static_cast<std::int64_t>(files.size()));
    if (!writer) refuse(options_.images + "/" + part, "has no image that can be read: " + result.first_broken);
    const std::int64_t count = writer->examples();
    writer->finish();
    return count;
  }

  BuildResult result;

 private:
  std::optional<Image> read(const std::string& path) {
    try {
      return read_image(path, options_.grey ? 1 : 3);
    } catch (const bosen::Error& error) {
      if (!options_.skip_broken) {
        throw bosen::Error(error.kind(), std::string(error.what()) + "; --broken skip leaves such images out");
      }
      if (result.broken++ == 0) result.first_broken = error.what();
      return std::nullopt;
    }
  }

  DataSetInfo info(const Image& first) {
    if (height_ == 0) height_ = first.height;
    if (width_ == 0) width_ = first.width;
    return {.channels = first.channels, .height = height_, .width = width_, .classes = classes_};
  }

  const BuildOptions& options_;
  const std::vector<std::string> classes_;
  std::int64_t height_, width_;
};

}  // namespace

BuildResult build_from_images(const BuildOptions& options) {
  OutputFolder output(options.output);
  Builder builder(options);
  builder.result.train = builder.build("train", output.path());
  builder.result.test = builder.build("test", output.path());
  output.complete();
  return builder.result;
}

}  // namespace poseidon
