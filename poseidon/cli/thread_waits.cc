#include "poseidon/cli/thread_waits.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace poseidon {
namespace {

constexpr const char* kLooks = "GOMP_SPINCOUNT";
constexpr const char* kHowMany = "1000";  // some microseconds

}  // namespace

// Where it does not work, the program goes on as it is.
void restart_with_short_waits(char** argv) {
  if (std::getenv(kLooks) != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && ::setenv(kLooks, kHowMany, 0) == 0) ::execv(program.c_str(), argv);
}

}  // namespace poseidon
