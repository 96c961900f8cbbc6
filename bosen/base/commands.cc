#include "bosen/base/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "bosen/base/error.h"
#include "bosen/base/first_process.h"
#include "bosen/base/streams.h"
#include "bosen/base/suggestion.h"
#include "bosen/base/version.h"

namespace bosen {
namespace {

std::string help_of(const Program& program) {
  std::string text = fmt::format("{0}\nUsage: {1} COMMAND [FLAGS]; '{1} COMMAND --help' lists a command's flags.\n\n",
                                 program.description, program.name);
  std::size_t width = 0;
  for (const Command& command : program.commands) width = std::max(width, command.name.size() + 2);
  text += "Commands:\n";
  for (const Command& command : program.commands) {
    text += fmt::format("  {:<{}}{}\n", command.name, width, command.help);
  }
  return text + (program.footer.empty() ? "" : "\n" + program.footer + "\n");
}

/// Says every line of a message after the name of who says it.
int fail(const std::string& name, std::string_view message, int code) {
  for (std::size_t begin = 0; begin <= message.size();) {
    const std::size_t end = std::min(message.find('\n', begin), message.size());
    say(fmt::format("{}: {}\n", name, message.substr(begin, end - begin)));
    begin = end + 1;
  }
  return code;
}

int run_command(const std::string& name, const Command& command, int argc, const char* const* argv) {
  try {
    const int code = command.run(argc, argv);
    const std::string lost = lost_output();
    return code != 0 || lost.empty() ? code : fail(name, lost, exit_code(ErrorKind::kStorage));
  } catch (const Error& error) {
    return fail(name, error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return fail(name, "out of memory: use less data, or smaller batches", 1);
  } catch (const std::exception& error) {
    const std::string lost = lost_output();
    return fail(name, lost.empty() ? error.what() : lost, 1);
  }
}

}  // namespace

int run_program(const Program& program, int argc, const char* const* argv) {
  open_standard_streams();
  end_at_signals_as_first_process();
  const int usage = exit_code(ErrorKind::kUsage);
  if (argc < 2) return fail(program.name, fmt::format("needs a command; see {} --help", program.name), usage);
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", help_of(program));
    return 0;
  }
  if (name == "--version") {
    fmt::print("{} {}{}{}\n", program.name, kVersion, program.build.empty() ? "" : ", ", program.build);
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : program.commands) {
    if (command.name == name) {
      return run_command(program.name + " " + command.name, command, argc - 1, argv + 1);
    }
    names.push_back(command.name);
  }
  const std::string nearest = suggestion(name, names);
  return fail(program.name,
              fmt::format("there is no command '{}'{}", name,
                          nearest.empty() ? fmt::format(": use one of {}", fmt::join(names, ", ")) : nearest),
              usage);
}

bool read_flags(OptionReader& reader, int argc, const char* const* argv) {
  switch (reader.read(argc, argv)) {
    case OptionReader::Request::kHelp:
      fmt::print("{}", reader.help());
      return false;
    case OptionReader::Request::kVersion:
      fmt::print("{} (bosen {})\n", reader.program(), kVersion);
      return false;
    case OptionReader::Request::kRun:
      break;
  }
  return true;
}

}  // namespace bosen
