#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bosen/cli/cli.h"
#include "bosen/launch/environment.h"

namespace bosen::cli {
namespace {

/// For tests of launchers: this process's place in its job, as JSON on one line.
int print_placement() {
  const launch::Placement placement = launch::detect_placement(launch::process_environment());
  const nlohmann::ordered_json json = {{"rank", placement.rank},
                                       {"size", placement.size},
                                       {"local_rank", placement.local_rank},
                                       {"local_size", placement.local_size},
                                       {"job", placement.job},
                                       {"coordinator", placement.coordinator},
                                       {"rendezvous", placement.rendezvous},
                                       {"host", placement.host},
                                       {"servers", placement.servers},
                                       {"timeout_s", placement.timeout_s},
                                       {"source", placement.source}};
  std::cout << json.dump() << std::endl;
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, Request& request) {
  CLI::App* const command = app.add_subcommand("doctor", "Say what this build and this machine can do");
  const auto placement = std::make_shared<bool>(false);
  command->add_flag("--placement", *placement)->group("");  // hidden
  command->callback([placement, &request] { request.action = [] { return print_placement(); }; });
}

}  // namespace bosen::cli
