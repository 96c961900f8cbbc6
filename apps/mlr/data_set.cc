#include "apps/mlr/data_set.h"

#include <fmt/format.h>

#include <filesystem>

#include "apps/common/input_file.h"
#include "bosen/error.h"

namespace mlr {
namespace {

constexpr int kIdxClasses = 10;

bool is_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

void check_file(const std::string& path, const std::string& wanted) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    apps::refuse_file(path, error ? error.message() : "is not there: " + wanted);
}

}  // namespace

void check(const DataOptions& options) {
  if (options.classes == 1) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       "--classes 1 leaves nothing to tell apart: give 2 or more, or 0 to go by the data");
  }
  check_file(
      options.data,
      "give a folder of IDX files, such as /usr/share/datasets/fashion-mnist of Debian's dataset-fashion-mnist, or a "
      "file in libsvm's format");
  const bool folder = is_folder(options.data);
  if (folder && !options.test.empty()) {
    throw bosen::Error(bosen::ErrorKind::kUsage, fmt::format("--test {} goes with a libsvm file; the folder {} has its "
                                                             "own test files: leave --test out",
                                                             options.test, options.data));
  }
  if (!folder && options.test.empty()) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("--data {} is a file: name the file to test with by --test FILE", options.data));
  }
  if (!folder) check_file(options.test, "name the file in libsvm's format to test with");
}

DataSet read_data_set(const DataOptions& options) {
  if (!is_folder(options.data)) {
    return read_libsvm(options.data, options.need_test ? options.test : "", options.classes);
  }
  const int classes = options.classes != 0 ? options.classes : kIdxClasses;
  DataSet data;
  data.train = read_idx(options.data, "train", classes);
  if (!options.need_test) return data;
  data.test = read_idx(options.data, "t10k", classes);
  if (data.test.features != data.train.features) {
    apps::refuse_file(options.data,
                      fmt::format("images to learn from have {} pixels, those to test with {}: they belong to "
                                  "different data sets",
                                  data.train.features, data.test.features));
  }
  return data;
}

}  // namespace mlr
