#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bosen/base/commands.h"
#include "bosen/base/error.h"
#include "bosen/base/json.h"
#include "bosen/base/version.h"
#include "bosen/cli/cli.h"
#include "bosen/launch/environment.h"
#include "bosen/launch/machine.h"

namespace bosen::cli {
namespace {

/// One part of the answer: a name and a value a line.
struct Section {
  std::string title;
  std::vector<std::pair<std::string, std::string>> lines;
};

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
  fmt::print("{}\n", dump_json(json));
  return 0;
}

std::string gibibytes(std::int64_t bytes) { return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30)); }

std::string count(std::int64_t limit) { return limit < 0 ? "no limit" : std::to_string(limit); }

Section describe_build() {
  constexpr bool kSanitized = sizeof BOSEN_BUILD_SANITIZERS > 1;  // a text, empty in ordinary builds
  return {"build",
          {{"version", fmt::format("{}, {}{}", kVersion, BOSEN_BUILD_TYPE,
                                   kSanitized ? ", sanitizers: " BOSEN_BUILD_SANITIZERS : "")},
           {"compiler", BOSEN_BUILD_COMPILER},
           {"libraries", BOSEN_BUILD_LIBRARIES},
           {"transports",
            "in one process: none needed; on one host: shared memory and ZeroMQ ipc; between hosts: ZeroMQ tcp"}}};
}

Section describe_machine(const launch::Machine& machine) {
  const std::string processor = machine.processor.empty() ? "unknown" : machine.processor;
  return {
      "machine",
      {{"host", machine.host},
       {"system", machine.system},
       {"processor", fmt::format("{}; {} of {} cores are ours", processor, machine.cores, machine.cores_online)},
       {"memory", fmt::format("{} free of {}", gibibytes(machine.memory_free_bytes), gibibytes(machine.memory_bytes))},
       {"shared memory", machine.shares_memory_problem.empty()
                             ? "processes of this host read each other's rows in place"
                             : "rows are copied between processes of this host: " + machine.shares_memory_problem},
       {"open files", fmt::format("{}, at most {}", count(machine.open_files), count(machine.open_files_hard))}}};
}

Section describe_launchers() {
  const auto found = [](const char* name, const char* without) {
    return std::pair<std::string, std::string>(
        name, launch::look_for_program(name).value_or(std::string("not here: ") + without));
  };
  return {"launchers",
          {{"bosen run", "this program"},
           found("ssh", "bosen run reaches this host only; install openssh-client"),
           found("setsid", "other hosts cannot start processes here; install util-linux"),
           found("srun", "not a Slurm cluster"),
           found("mpirun", "no Open MPI")}};
}

Section describe_place() {
  try {
    const launch::Placement placement = launch::detect_placement(launch::process_environment());
    if (placement.source == "alone")
      return {"this process", {{"place", "alone; start more with: bosen run -n N -- PROGRAM"}}};
    return {"this process",
            {{"place", fmt::format("rank {} of {}, says {}", placement.rank, placement.size, placement.source)}}};
  } catch (const Error& error) {
    return {"this process", {{"place", std::string("unclear: ") + error.what()}}};
  }
}

int diagnose() {
  constexpr int kNameWidth = 14;
  for (const Section& section :
       {describe_build(), describe_machine(launch::look_at_machine()), describe_launchers(), describe_place()}) {
    fmt::print("{}\n", section.title);
    for (const auto& [name, value] : section.lines) fmt::print("  {:<{}} {}\n", name, kNameWidth, value);
  }
  return 0;
}

}  // namespace

int doctor_command(int argc, const char* const* argv) {
  bool placement = false;
  OptionReader reader("bosen doctor", "Says what this build and this machine can do");
  reader.add("Doctor", {"placement", &placement, "as JSON, for tests of launchers", {.hidden = true}});
  if (!read_flags(reader, argc, argv)) return 0;
  return placement ? print_placement() : diagnose();
}

}  // namespace bosen::cli
