#include "poseidon/data/output_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "bosen/error.h"

namespace poseidon {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const std::string& reason) { throw bosen::Error(bosen::ErrorKind::kStorage, reason); }

}  // namespace

OutputFolder::OutputFolder(const std::string& path) : path_(path), partial_(path + ".partial") {
  std::error_code error;
  if (fs::exists(path_, error))
    refuse(fmt::format("{}: is there already; remove it or name another with --output", path_));
  fs::remove_all(partial_, error);
  fs::create_directories(partial_, error);
  if (error)
    refuse(fmt::format("{}: cannot be made: {}; name another folder with --output", partial_, error.message()));
}

OutputFolder::~OutputFolder() {
  std::error_code error;
  if (!complete_) fs::remove_all(partial_, error);
}

void OutputFolder::complete() {
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error) refuse(fmt::format("{}: cannot be renamed to {}: {}", partial_, path_, error.message()));
  complete_ = true;
}

}  // namespace poseidon
