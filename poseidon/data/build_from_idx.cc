#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <filesystem>
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
  explicit IdxFile(const std::string& path) : path_(std::filesystem::exists(path) ? path : path + ".gz") {
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (!file_) refuse(fmt::format("cannot be read (nor {}): give the folder of the IDX files with --images", path));
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

  const std::string path_;
  std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
};

/// The mean image is that of the training part where there is one.
DataSetInfo build_part(const BuildOptions& options, const std::string& prefix, const std::string& part,
                       const std::string& folder, const DataSetInfo* train) {
  IdxFile images(options.images + "/" + prefix + "-images-idx3-ubyte");
  IdxFile labels(options.images + "/" + prefix + "-labels-idx1-ubyte");
  images.expect_magic(kImagesMagic, "images");
  labels.expect_magic(kLabelsMagic, "labels");
  const std::uint32_t count = images.read_number();
  const std::uint32_t label_count = labels.read_number();
  if (count != label_count) labels.refuse(fmt::format("has {} labels for {} images", label_count, count));
  if (count == 0) images.refuse("is empty");
  DataSetInfo info{.channels = 1};
  info.height = images.read_number();
  info.width = images.read_number();
  if (info.height < 1 || info.width < 1 || info.height > kExtentMax || info.width > kExtentMax) {
    images.refuse(fmt::format("has images of {} x {} pixels", info.height, info.width));
  }
  for (int label = 0; label < 10; ++label) info.classes.push_back(std::to_string(label));
  if (train != nullptr) {
    if (info.height != train->height || info.width != train->width) {
      images.refuse(fmt::format("has images of {} x {} pixels, those to train have {} x {}", info.height, info.width,
                                train->height, train->width));
    }
    info.mean = train->mean;
  }
  DataSetWriter writer(folder + "/" + part, info);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info.pixels()));
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint8_t label = 0;
    images.read(pixels.data(), pixels.size());
    labels.read(&label, 1);
    if (label > 9) labels.refuse(fmt::format("label {} of example {} is out of range: labels are 0 to 9", label, i));
    writer.add(pixels, label);
    if (writer.examples() % kProgressEvery == 0) options.progress(part, writer.examples(), count);
  }
  images.expect_end();
  labels.expect_end();
  options.progress(part, count, count);
  return writer.finish();
}

}  // namespace

BuildResult build_from_idx(const BuildOptions& options) {
  OutputFolder output(options.output);
  BuildResult result;
  const DataSetInfo train = build_part(options, "train", "train", output.path(), nullptr);
  result.train = train.examples;
  result.test = build_part(options, "t10k", "test", output.path(), &train).examples;
  output.complete();
  return result;
}

}  // namespace poseidon
