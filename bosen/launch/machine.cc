#include "bosen/launch/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string_view>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

/// The value of "key : value" or "key: value" in a file of such lines; empty where there is none.
std::string look_up(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trim(std::string_view(line).substr(0, colon)) == key) {
      return std::string(trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return {};
}

/// A line of /proc/meminfo, in bytes.
std::int64_t memory_line(std::string_view key) {
  const std::string value = look_up("/proc/meminfo", key);
  constexpr std::int64_t kKibibyte = 1024;
  return parse_number<std::int64_t>(std::string_view(value).substr(0, value.find(' '))).value_or(0) * kKibibyte;
}

/// The first word of a control group's file; "max" and missing files are no number.
std::optional<std::int64_t> group_limit(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return parse_number<std::int64_t>(word);
}

int allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  // "QUOTA PERIOD" in microseconds.
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  std::int64_t period = 0;
  if (file >> quota >> period && period > 0) {
    if (const auto allowed = parse_number<std::int64_t>(quota)) {
      cores = std::min(cores, static_cast<int>(std::max<std::int64_t>(1, *allowed / period)));
    }
  }
  return cores;
}

std::int64_t limit_value(rlim_t limit) {
  constexpr auto kMost = static_cast<rlim_t>(std::numeric_limits<std::int64_t>::max());
  return limit == RLIM_INFINITY || limit > kMost ? -1 : static_cast<std::int64_t>(limit);
}

/// Makes memory and opens it as another process does. Returns what is wrong.
std::string try_to_share_memory() {
  constexpr rlim_t kBytesMin = rlim_t{64} << 20;
  rlimit limit{};
  for (const auto& [resource, flag] : {std::pair(RLIMIT_FSIZE, "-f"), std::pair(RLIMIT_AS, "-v")}) {
    if (::getrlimit(resource, &limit) == 0 && limit.rlim_cur < kBytesMin) {
      return fmt::format("its limit is too low (ulimit {})", flag);
    }
  }
  const int memory = ::memfd_create("bosen-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory < 0) return fmt::format("the system has none ({})", std::strerror(errno));
  const int opened = ::open(fmt::format("/proc/{}/fd/{}", ::getpid(), memory).c_str(), O_RDWR | O_CLOEXEC);
  const int error = errno;
  if (opened >= 0) ::close(opened);
  ::close(memory);
  return opened >= 0 ? "" : fmt::format("/proc does not let it be opened ({})", std::strerror(error));
}

}  // namespace

Machine look_at_machine() {
  Machine machine;
  utsname name{};
  if (::uname(&name) == 0) {
    machine.system = fmt::format("{} {}, {}", name.sysname, name.release, name.machine);
    machine.host = name.nodename;
  }
  machine.processor = look_up("/proc/cpuinfo", "model name");
  machine.cores = allowed_cores();
  machine.cores_online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  machine.memory_bytes = memory_line("MemTotal");
  machine.memory_free_bytes = memory_line("MemAvailable");
  if (const auto limit = group_limit("/sys/fs/cgroup/memory.max")) {
    const std::int64_t used = group_limit("/sys/fs/cgroup/memory.current").value_or(0);
    machine.memory_bytes = std::min(machine.memory_bytes, *limit);
    machine.memory_free_bytes = std::min(machine.memory_free_bytes, std::max<std::int64_t>(0, *limit - used));
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    machine.open_files = limit_value(files.rlim_cur);
    machine.open_files_hard = limit_value(files.rlim_max);
  }
  machine.shares_memory_problem = try_to_share_memory();
  return machine;
}

std::optional<std::string> look_for_program(const std::string& name) {
  try {
    return find_program(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace bosen::launch
