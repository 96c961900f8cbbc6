#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "bosen/error.h"
#include "poseidon/data/build.h"
#include "poseidon/data/data_set_writer.h"
#include "poseidon/data/output_folder.h"

namespace poseidon {
namespace {

constexpr std::uint32_t kImagesMagic = 0x803;
constexpr std::uint32_t kLabelsMagic = 0x801;
constexpr std::uint32_t kExtentMax = 4096;
constexpr std::int64_t kProgressEvery = 2000;

/// An IDX file, compressed or not, read from front to back.
class IdxFile {
 public:
  /// `path` without ".gz".
  explicit IdxFile(const std::string& path) : path_(path) {
    errno = 0;
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (file_) return;
    const int error = errno;
    path_ += ".gz";
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (file_) return;
    path_ = path;
    refuse(fmt::format("cannot be read (nor {}.gz): {}; give the folder of the IDX files with --images",
                       std::filesystem::path(path).filename().string(), std::strerror(error)));
  }

  void read(std::uint8_t* to, std::size_t bytes) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(bytes));
    if (got == static_cast<int>(bytes)) return;
    refuse_damage();
    refuse("ends too early, it was cut short; fetch it again");
  }

  /// zlib verifies its checksum only here.
  void expect_end() {
    std::uint8_t byte = 0;
    if (gzread(file_.get(), &byte, 1) == 1) refuse("goes on after the last example that its header counts");
    refuse_damage();
  }

  std::uint32_t read_number() {
    std::array<std::uint8_t, 4> bytes{};
    read(bytes.data(), bytes.size());
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
  }

  void expect_magic(std::uint32_t magic, const char* what) {
    const std::uint32_t found = read_number();
    if (found != magic)
      refuse(fmt::format("is no IDX file of {}: it begins with {:#010x}, not {:#010x}", what, found, magic));
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path_, reason));
  }

 private:
  void refuse_damage() const {
    int code = 0;
    const std::string reason = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) refuse("ends too early, it was cut short; fetch it again");
    if (code != Z_OK && code != Z_STREAM_END) refuse("is damaged, fetch it again: " + reason);
  }

  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
};

/// A part's labels, read before its images: the data set's description names all classes.
struct Labels {
  std::string path;  ///< for messages
  std::uint32_t stated = 0;
  std::vector<std::uint8_t> values;  ///< fewer than stated where the file was cut short and that is to be skipped
};

/// Runs `read` for record after record up to `count`, and returns how many there were: fewer only where the file ends
/// too early and such records are to be left out.
std::uint32_t read_records(const BuildOptions& options, std::uint32_t count, BuildResult& result,
                           const std::function<void(std::uint32_t)>& read) {
  for (std::uint32_t i = 0; i < count; ++i) {
    try {
      read(i);
    } catch (const bosen::Error& error) {
      if (error.kind() != bosen::ErrorKind::kData) throw;
      if (!options.skip_broken) {
        throw bosen::Error(error.kind(), std::string(error.what()) + "; --broken skip keeps what is whole");
      }
      if (result.broken == 0) result.first_broken = error.what();
      return i;
    }
  }
  return count;
}

Labels read_labels(const BuildOptions& options, const std::string& prefix, BuildResult& result) {
  Labels labels;
  labels.path = options.images + "/" + prefix + "-labels-idx1-ubyte";
  IdxFile file(labels.path);
  file.expect_magic(kLabelsMagic, "labels");
  labels.stated = file.read_number();
  const std::uint32_t found = read_records(options, labels.stated, result, [&](std::uint32_t /*number*/) {
    std::uint8_t label = 0;
    file.read(&label, 1);
    labels.values.push_back(label);
  });
  if (found == labels.stated) file.expect_end();
  return labels;
}

/// One more than the largest label: sets have 10 classes (MNIST), or as many as they like (EMNIST).
std::int64_t count_classes(const Labels& train, const Labels& test) {
  std::int64_t classes = 0;
  for (const Labels* labels : {&train, &test}) {
    for (const std::uint8_t label : labels->values) classes = std::max<std::int64_t>(classes, label + 1);
  }
  return classes;
}

struct Part {
  std::string prefix;  ///< of its files
  std::string name;
  const Labels& labels;
  std::int64_t classes = 0;
  const DataSetInfo* train = nullptr;  ///< of the part whose mean image it gets; nullptr: it has its own
};

/// Extents, classes and mean of a part whose header comes next.
DataSetInfo read_info(IdxFile& images, const Part& part) {
  DataSetInfo info{.channels = 1};
  info.height = images.read_number();
  info.width = images.read_number();
  if (info.height < 1 || info.width < 1 || info.height > kExtentMax || info.width > kExtentMax) {
    images.refuse(fmt::format("has images of {} x {} pixels", info.height, info.width));
  }
  for (std::int64_t label = 0; label < part.classes; ++label) info.classes.push_back(std::to_string(label));
  if (part.train == nullptr) return info;
  if (info.height != part.train->height || info.width != part.train->width) {
    images.refuse(fmt::format("has images of {} x {} pixels, those to train have {} x {}", info.height, info.width,
                              part.train->height, part.train->width));
  }
  info.mean = part.train->mean;
  return info;
}

DataSetInfo build_part(const BuildOptions& options, const Part& part, const std::string& folder, BuildResult& result) {
  IdxFile images(options.images + "/" + part.prefix + "-images-idx3-ubyte");
  images.expect_magic(kImagesMagic, "images");
  const std::uint32_t count = images.read_number();
  if (count != part.labels.stated) {
    throw bosen::Error(bosen::ErrorKind::kData,
                       fmt::format("{}: has {} labels for {} images", part.labels.path, part.labels.stated, count));
  }
  if (count == 0) images.refuse("is empty");
  const DataSetInfo info = read_info(images, part);
  DataSetWriter writer(folder + "/" + part.name, info);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info.pixels()));
  const auto labelled = static_cast<std::uint32_t>(part.labels.values.size());
  const std::uint32_t whole = read_records(options, labelled, result, [&](std::uint32_t i) {
    images.read(pixels.data(), pixels.size());
    writer.add(pixels, part.labels.values[i]);
    if (writer.examples() % kProgressEvery == 0) options.progress(part.name, writer.examples(), count);
  });
  if (whole == count) images.expect_end();
  result.broken += count - whole;
  options.progress(part.name, count, count);
  return writer.finish();
}

}  // namespace

BuildResult build_from_idx(const BuildOptions& options) {
  OutputFolder output(options.output);
  BuildResult result;
  const Labels train_labels = read_labels(options, "train", result);
  const Labels test_labels = read_labels(options, "t10k", result);
  const std::int64_t classes = count_classes(train_labels, test_labels);
  const DataSetInfo train =
      build_part(options, {"train", "train", train_labels, classes, nullptr}, output.path(), result);
  result.train = train.examples;
  result.test = build_part(options, {"t10k", "test", test_labels, classes, &train}, output.path(), result).examples;
  output.complete();
  return result;
}

}  // namespace poseidon
