#include "bosen/base/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace bosen {

void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest number that is free is this one, as those below are open.
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
  }
}

void say(const std::string& text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr)); }

std::string lost_output() {
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  return written ? "" : std::string("cannot write to standard output: ") + std::strerror(errno);
}

}  // namespace bosen
