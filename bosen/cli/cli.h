#pragma once

// The program `bosen`: its subcommands, each a file of its own that adds itself to the command line.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bosen/launch/hostfile.h"

namespace CLI {
class App;
}

namespace bosen::cli {

/// Runs `bosen ARGUMENTS` and returns its exit code; every error is a line on stderr.
int run(std::span<char* const> arguments);

/// What the command line asked for: each subcommand stores here how it is carried out.
struct Request {
  std::function<int()> action;       ///< returns the exit code; throws Error
  std::vector<std::string> command;  ///< what stands after "--"
};

void add_run(CLI::App& app, Request& request);
void add_check(CLI::App& app, Request& request);
void add_doctor(CLI::App& app, Request& request);
void add_sim(CLI::App& app, Request& request);
void add_sweep(CLI::App& app, Request& request);
void add_top(CLI::App& app, Request& request);

/// The flags that name hosts, and how ssh reaches them; shared by `run` and `check`.
struct HostFlags {
  std::string list;                      ///< -H
  std::string file;                      ///< --hostfile
  std::vector<std::string> ssh_options;  ///< --ssh-option

  void add_to(CLI::App& command);
  /// The hosts they name; none where there is no such flag. Throws Error.
  [[nodiscard]] std::vector<launch::Host> hosts() const;
};

}  // namespace bosen::cli
