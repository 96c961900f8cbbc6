#include "bosen/base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace bosen {
namespace {

int columns_of(int fd) {
  winsize size{};
  // A window of no size is one that nobody has measured.
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return TerminalStyle{}.columns;
  return size.ws_col - 1;
}

}  // namespace

TerminalStyle terminal_style(int fd, const std::function<const char*(const char*)>& environment) {
  const char* const kind = environment("TERM");
  const bool capable = kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
  if (::isatty(fd) == 0 || !capable) return {};
  // https://no-color.org: set and not empty, whatever its value.
  const char* const no_color = environment("NO_COLOR");
  return {.rewrites_lines = true, .colors = no_color == nullptr || *no_color == '\0', .columns = columns_of(fd)};
}

TerminalStyle stdout_style() { return terminal_style(STDOUT_FILENO, &std::getenv); }

TerminalStyle stderr_style() { return terminal_style(STDERR_FILENO, &std::getenv); }

}  // namespace bosen
