#include "bosen/launch/app_flags.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>

#include "bosen/base/error.h"
#include "bosen/base/suggestion.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

/// A program that is none of ours may do anything when it is asked for help.
constexpr double kPatienceS = 10;
constexpr std::size_t kHelpBytesMax = std::size_t{1} << 20;

std::string help_of(const std::string& program) {
  ChildProcess child = start_child({.command = {find_program(program), "--help"}, .environment = own_environment()});
  const Deadline deadline = deadline_after(kPatienceS);
  std::string text;
  while (text.size() < kHelpBytesMax) {
    pollfd wait{child.out.get(), POLLIN, 0};
    if (::poll(&wait, 1, poll_timeout_ms(deadline)) <= 0) break;
    std::array<char, 4096> part{};
    const ssize_t got = ::read(child.out.get(), part.data(), part.size());
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  ::kill(-child.pid, SIGKILL);
  ::waitpid(child.pid, nullptr, 0);
  return text;
}

}  // namespace

std::vector<std::string> flags_of_app(const SpecNode& program, const std::string& folder) {
  std::string help;
  try {
    help = help_of(program_beside(folder, program.text()));
  } catch (const Error& error) {
    program.fail(error.what());
  }
  std::vector<std::string> names;
  for (const std::string_view line : split(help, '\n')) {
    const std::size_t begin = line.find("--");
    if (begin == std::string_view::npos || line.find_first_not_of(' ') == 0) continue;  // no flag of a list
    const std::string_view rest = line.substr(begin + 2);
    const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
    names.emplace_back(rest.begin(), std::find_if_not(rest.begin(), rest.end(), is_name));
  }
  const auto has = [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (has("consistency") && has("staleness")) return names;
  if (help.find("\nCommands:\n") != std::string::npos) {
    program.fail("the program '" + program.text() +
                 "' does nothing without a command, and a file can name none: name a program that takes flags alone, "
                 "such as mf or mlr");
  }
  program.fail("the program '" + program.text() + "' is not built on bosen");
}

void check_flag(const std::pair<std::string, SpecNode>& flag, const SpecNode& program,
                const std::vector<std::string>& flags) {
  const auto& [name, value] = flag;
  if (std::find(flags.begin(), flags.end(), name) != flags.end()) return;
  value.fail_at_key("'" + name + "' is no flag of " + program.text() + suggestion(name, flags));
}

}  // namespace bosen::launch
