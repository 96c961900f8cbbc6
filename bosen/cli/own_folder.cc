#include "bosen/cli/own_folder.h"

#include <filesystem>

namespace bosen::cli {

std::string own_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

std::string shared_file(const std::string& name) {
  const std::string installed = own_folder() + "/../share/bosen/" + name;
  std::error_code error;
  return std::filesystem::exists(installed, error) ? installed : BOSEN_SCRIPTS "/" + name;
}

}  // namespace bosen::cli
