#include <fmt/format.h>

#include "bosen/base/error.h"
#include "bosen/cli/cli.h"

namespace bosen::cli {

OptionParser named(std::string& target, const char* what) {
  return [&target, what](const std::string& text) {
    if (text.empty())
      throw Error(ErrorKind::kUsage, fmt::format("must name {}, and is empty: leave it out, or see "
                                                 "whether a variable of yours is set",
                                                 what));
    target = text;
  };
}

void HostFlags::add_to(OptionReader& reader) {
  const std::string heading = "Hosts";
  reader.add(heading, {"host",
                       named(list, "hosts"),
                       "hosts and how many processes each may have",
                       {.value_name = "HOST:N,HOST:N", .short_name = 'H'}});
  reader.add(heading, {"hostfile",
                       named(file, "a file"),
                       "file of hosts, a line each: h1, h1:2, h1 slots=2, or ID HOST PORT",
                       {.value_name = "FILE"}});
  reader.add(heading,
             {"ssh-option",
              &ssh_options,
              "an option for ssh, as after its -o: Port=2222; may be repeated (the variable BOSEN_SSH names another "
              "ssh)",
              {.value_name = "NAME=VALUE", .list = true}});
}

std::vector<launch::Host> HostFlags::hosts() const {
  if (!file.empty() && !list.empty())
    throw Error(ErrorKind::kUsage, "give the hosts either with -H or with --hostfile, not both");
  if (!file.empty()) return launch::read_hostfile(file);
  if (!list.empty()) return launch::parse_host_list(list);
  return {};
}

}  // namespace bosen::cli
