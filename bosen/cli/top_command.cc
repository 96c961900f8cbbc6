#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "bosen/base/commands.h"
#include "bosen/base/error.h"
#include "bosen/base/terminal.h"
#include "bosen/cli/cli.h"
#include "bosen/cli/top_view.h"
#include "bosen/monitor/http_client.h"
#include "bosen/monitor/monitor.h"

namespace bosen::cli {
namespace {

constexpr int kAnswerTimeoutS = 5;
constexpr const char* kStatusPath = "/api/status";
/// Back to the top left, and nothing left of what was shown before.
constexpr const char* kClear = "\x1b[H\x1b[J";

struct TopFlags {
  std::string address = "127.0.0.1";
  double interval_s = 1;
  bool once = false;
};

Address address_of(const std::string& text) {
  const auto address = monitor::parse_monitor_address(text);
  if (address && address->port > 0) return *address;
  throw Error(ErrorKind::kUsage,
              fmt::format("'{}' is not PORT, HOST or HOST:PORT: give what the job's --monitor said", text));
}

TopStyle style_of_stdout() {
  TopStyle style;
  style.colors = stdout_style().colors;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
    style.columns = size.ws_col;
    style.lines = size.ws_row - 1;
  }
  return style;
}

std::string no_answer(const Address& address, const std::string& reason) {
  const bool here = address.host == "127.0.0.1" || address.host == "localhost" || address.host == "::1";
  const std::string own = here ? std::to_string(address.port) : fmt::format("0.0.0.0:{}", address.port);
  return fmt::format("{}; start the job with --monitor {}{}", reason, own,
                     here ? "" : ", as a port alone is for its own host");
}

std::string status_of(const Address& address) {
  monitor::HttpResponse response;
  try {
    response = monitor::http_get(address, kStatusPath, kAnswerTimeoutS);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNetwork) throw;
    throw Error(error.kind(), no_answer(address, error.what()));
  }
  if (response.code == 200) return response.body;
  throw Error(ErrorKind::kNetwork, fmt::format("http://{}{} answers {}: is it a bosen job's --monitor?",
                                               to_string(address), kStatusPath, response.code));
}

void show(const std::string& status, const char* before) {
  fmt::print("{}{}", before, render_top(status, style_of_stdout()));
  std::fflush(stdout);
}

/// Until the job answers no more, which is its end.
void follow(const Address& address, double interval_s) {
  for (;;) {
    ::poll(nullptr, 0, static_cast<int>(1000 * interval_s));
    std::string status;
    try {
      status = status_of(address);
    } catch (const Error&) {
      fmt::print("The job at {} has ended, or can't be reached any more.\n", to_string(address));
      return;
    }
    show(status, kClear);
  }
}

int watch(const TopFlags& flags) {
  const Address address = address_of(flags.address);
  const std::string status = status_of(address);
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  show(status, is_terminal && !flags.once ? kClear : "");
  if (is_terminal && !flags.once) follow(address, flags.interval_s);
  return 0;
}

}  // namespace

int top_command(int argc, const char* const* argv) {
  TopFlags flags;
  OptionReader reader("bosen top",
                      "Watches a running job that was started with --monitor: clocks, lag, waiting, bytes");
  const std::string heading = "View";
  reader.add(heading, {"address",
                       &flags.address,
                       fmt::format("where the job shows itself (port {} where none is named)", monitor::kDefaultPort),
                       {.value_name = "PORT|HOST|HOST:PORT", .positional = true}});
  reader.add(heading, {"interval", &flags.interval_s, "seconds between two looks", {.minimum = 0.1, .maximum = 3600}});
  reader.add(heading, {"once", &flags.once, "show it once, as where the output is no terminal", {}});
  reader.set_footer("Example: bosen run -n 4 -- mlr --monitor 8780 ... and, elsewhere on that host, bosen top");
  return read_flags(reader, argc, argv) ? watch(flags) : 0;
}

}  // namespace bosen::cli
