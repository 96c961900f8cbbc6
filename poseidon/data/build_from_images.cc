#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <utility>
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
    const std::string name = entry->path().filename().string();
    std::error_code unknown;  // then it can't be opened, which is said when that is tried
    if (!name.starts_with('.') && entry->is_directory(unknown) == folders) names.push_back(name);
  }
  if (error) {
    refuse(folder, "cannot be read: " + error.message() +
                       "; --images names a folder with CLASS/IMAGE, or with train/CLASS/IMAGE and test/CLASS/IMAGE");
  }
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

struct Parts {
  std::vector<std::string> classes;
  std::vector<LabelledFile> train, test;
};

/// Moves a share of every class from the training part to the test part.
void hold_out(const BuildOptions& options, Parts& parts) {
  std::vector<double> left(parts.classes.size(), 0.0);
  for (const LabelledFile& file : parts.train) left[static_cast<std::size_t>(file.label)] += options.test_share;
  std::vector<LabelledFile> kept;
  for (LabelledFile& file : parts.train) {
    double& share = left[static_cast<std::size_t>(file.label)];
    (share >= 0.5 ? parts.test : kept).push_back(std::move(file));
    share -= 1;
  }
  parts.train = std::move(kept);
  if (options.test_share > 0 && (parts.test.empty() || parts.train.empty())) {
    refuse(options.images,
           fmt::format("has too few images to hold out {} of them: change --test-share", options.test_share));
  }
}

Parts list_parts(const BuildOptions& options) {
  std::error_code error;
  // A class may be called train: then there are images in it, and no folders.
  const bool divided =
      fs::is_directory(options.images + "/train", error) && !names_in(options.images + "/train", true).empty();
  if (divided && options.must_share) {
    throw bosen::Error(
        bosen::ErrorKind::kUsage,
        fmt::format("--test-share: the images in {}/test are those to test with: leave it out", options.images));
  }
  const std::string train = divided ? options.images + "/train" : options.images;
  Parts parts;
  parts.classes = names_in(train, true);
  parts.train = list_files(train, parts.classes);
  // Sets too large for memory are read in their order where records are near each other: it should be no class's.
  std::mt19937_64 random(options.seed);
  std::shuffle(parts.train.begin(), parts.train.end(), random);
  if (divided) {
    parts.test = list_files(options.images + "/test", parts.classes);
    std::shuffle(parts.test.begin(), parts.test.end(), random);
  } else {
    hold_out(options, parts);
  }
  return parts;
}

class Builder {
 public:
  Builder(const BuildOptions& options, std::vector<std::string> classes)
      : options_(options), info_{.height = options.height, .width = options.width, .classes = std::move(classes)} {}

  /// The first part is the training part: the other one has its extents and mean.
  std::int64_t build(const std::string& part, const std::vector<LabelledFile>& files, const std::string& folder) {
    std::optional<DataSetWriter> writer;
    std::int64_t done = 0;
    for (const LabelledFile& file : files) {
      if (const std::optional<Image> image = read(file.path)) {
        if (!writer) writer.emplace(folder + "/" + part, info(*image));
        writer->add(resize(*image, info_.height, info_.width).pixels, file.label);
      }
      if (++done % kProgressEvery == 0) options_.progress(part, done, static_cast<std::int64_t>(files.size()));
    }
    options_.progress(part, done, static_cast<std::int64_t>(files.size()));
    if (!writer)
      refuse(options_.images, fmt::format("has no image to {} that can be read: {}", part, result.first_broken));
    info_ = writer->finish();
    return info_.examples;
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

  const DataSetInfo& info(const Image& first) {
    info_.channels = first.channels;
    if (info_.height == 0) info_.height = first.height;
    if (info_.width == 0) info_.width = first.width;
    return info_;
  }

  const BuildOptions& options_;
  DataSetInfo info_;
};

}  // namespace

BuildResult build_from_images(const BuildOptions& options) {
  OutputFolder output(options.output);
  const Parts parts = list_parts(options);
  Builder builder(options, parts.classes);
  builder.result.train = builder.build("train", parts.train, output.path());
  if (!parts.test.empty()) builder.result.test = builder.build("test", parts.test, output.path());
  output.complete();
  return builder.result;
}

}  // namespace poseidon
