#pragma once

#include <string>

namespace bosen::cli {

/// The folder of this program, where bosen and the apps are.
std::string own_folder();

/// A file that is installed beside the programs, or stands in the sources' scripts.
std::string shared_file(const std::string& name);

}  // namespace bosen::cli
