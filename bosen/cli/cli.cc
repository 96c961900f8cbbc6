#include "bosen/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "bosen/base/error.h"
#include "bosen/base/suggestion.h"
#include "bosen/base/version.h"
#include "bosen/launch/text.h"

namespace bosen::cli {
namespace {

/// Says every line of a message under the name of the command.
int fail(const CLI::App& command, const std::string& message, int code) {
  const std::string name = command.get_parent() == nullptr ? "bosen" : "bosen " + command.get_name();
  for (const std::string_view line : launch::split(message, '\n')) fmt::print(stderr, "{}: {}\n", name, line);
  return code;
}

std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// The words that nobody claimed are an unknown flag, a mistyped subcommand, or (for `run`) the program and its
/// arguments.
std::string check_extras(const CLI::App& app, const CLI::App* command, Request& request) {
  const CLI::App& owner = command == nullptr ? app : *command;
  std::vector<std::string> extras = owner.remaining();
  if (extras.empty()) return {};
  const std::string first = extras.front();
  if (first.starts_with('-')) {
    return fmt::format("the flag '{}' is not known{}", first, suggestion(first, flag_names(owner)));
  }
  if (command == nullptr)
    return fmt::format("there is no command '{}'{}", first, suggestion(first, command_names(app)));
  if (command->get_name() == "run" && request.command.empty()) {
    request.command = std::move(extras);
    return {};
  }
  return fmt::format("'{}' is one word too many", first);
}

/// Parses, and stores in `code` the exit code where there is nothing more to do.
bool parse(CLI::App& app, std::vector<std::string> arguments, Request& request, int& code) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator != arguments.end()) {
    request.command.assign(separator + 1, arguments.end());
    arguments.erase(separator, arguments.end());
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  const auto chosen = [&]() -> const CLI::App* {
    return app.get_subcommands().empty() ? nullptr : app.get_subcommands().front();
  };
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& success) {
    code = app.exit(success);
    return false;
  } catch (const CLI::ParseError& error) {
    const CLI::App& command = chosen() == nullptr ? app : *chosen();
    const std::string help = chosen() == nullptr ? "bosen --help" : "bosen " + chosen()->get_name() + " --help";
    code = fail(command, fmt::format("{} (see {})", error.what(), help), exit_code(ErrorKind::kUsage));
    return false;
  }
  const std::string extra = check_extras(app, chosen(), request);
  if (extra.empty()) return true;
  code = fail(chosen() == nullptr ? app : *chosen(), extra, exit_code(ErrorKind::kUsage));
  return false;
}

}  // namespace

int run(std::span<char* const> arguments) {
  CLI::App app("Shared tables with bounded staleness for machine learning on a list of hosts.", "bosen");
  app.set_version_flag("--version", std::string("bosen ") + kVersion);
  app.require_subcommand(0, 1);
  app.prefix_command();
  Request request;
  add_run(app, request);
  add_sim(app, request);
  add_sweep(app, request);
  add_top(app, request);
  add_check(app, request);
  add_doctor(app, request);
  int code = 0;
  if (!parse(app, {arguments.begin() + 1, arguments.end()}, request, code)) return code;
  if (!request.action) {
    fmt::print(stderr, "{}", app.help());
    return exit_code(ErrorKind::kUsage);
  }
  const CLI::App& command = *app.get_subcommands().front();
  try {
    return request.action();
  } catch (const Error& error) {
    return fail(command, error.what(), exit_code(error.kind()));
  } catch (const std::exception& error) {
    return fail(command, error.what(), 1);
  }
}

void HostFlags::add_to(CLI::App& command) {
  command.add_option("-H,--host", list, "hosts and their slots: h1:2,h2:4");
  command.add_option("--hostfile", file, "file of hosts, a line each: h1, h1:2, h1 slots=2, or ID HOST PORT");
  command
      .add_option(
          "--ssh-option", ssh_options,
          "an option for ssh, as after its -o: Port=2222; may be repeated (the variable BOSEN_SSH names another ssh)")
      ->allow_extra_args(false);
}

std::vector<launch::Host> HostFlags::hosts() const {
  if (!file.empty() && !list.empty())
    throw Error(ErrorKind::kUsage, "give the hosts either with -H or with --hostfile, not both");
  if (!file.empty()) return launch::read_hostfile(file);
  if (!list.empty()) return launch::parse_host_list(list);
  return {};
}

}  // namespace bosen::cli
