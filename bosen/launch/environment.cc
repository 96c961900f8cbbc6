#include "bosen/launch/environment.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/node_list.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

constexpr const char* kSimulationFile = "BOSEN_SIM";

constexpr const char* kLoopback = "127.0.0.1";

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorKind::kConfiguration, message); }

/// Typed, checked look-ups. An empty variable counts as not set.
class Variables {
 public:
  explicit Variables(const GetEnv& env) : env_(env) {}

  [[nodiscard]] bool has(const char* name) const { return text(name).has_value(); }

  [[nodiscard]] std::optional<std::string> text(const char* name) const {
    const char* const value = env_(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  }

  [[nodiscard]] std::string required_text(const char* name, const char* because) const {
    auto value = text(name);
    if (!value) fail(std::string("the environment variable ") + name + " is missing, while " + because + " is set");
    return *value;
  }

  [[nodiscard]] std::optional<int> integer(const char* name, int minimum) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto number = parse_number<int>(*value);
    if (!number || *number < minimum) {
      fail(std::string("the environment variable ") + name + "='" + printable(*value) +
           "' is not a whole number of at least " + std::to_string(minimum));
    }
    return number;
  }

  [[nodiscard]] int required_integer(const char* name, int minimum, const char* because) const {
    static_cast<void>(required_text(name, because));
    return *integer(name, minimum);
  }

 private:
  const GetEnv& env_;
};

std::string own_host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || !is_host_name(name.data())) return kLoopback;
  return name.data();
}

/// Letters, digits and "._:@+-" are kept, so that a token fits a line of the rendezvous, a file name and a message.
bool is_token_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("._:@+-").find(c) != std::string_view::npos;
}

std::string token(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !is_token_byte(c); }, '-');
  if (text.size() > kMaxJobBytes) text.resize(kMaxJobBytes);
  return text;
}

std::string coordinator_at(const std::string& host, const std::string& job) {
  return to_string(Address{host, port_of_job(job)});
}

Placement from_bosen(const Variables& variables) {
  Placement placement;
  placement.source = "bosen run";
  placement.rank = variables.required_integer("BOSEN_RANK", 0, "BOSEN_SIZE");
  placement.size = variables.required_integer("BOSEN_SIZE", 1, "BOSEN_RANK");
  placement.local_rank = variables.integer("BOSEN_LOCAL_RANK", 0).value_or(0);
  placement.local_size = variables.integer("BOSEN_LOCAL_SIZE", 1).value_or(placement.local_rank + 1);
  placement.rendezvous = variables.text("BOSEN_RENDEZVOUS").value_or("");
  if (placement.rendezvous.empty()) {
    placement.source = "BOSEN_RANK";
    placement.job = token("set-by-hand-" + variables.text("BOSEN_COORDINATOR").value_or("alone"));
    if (placement.size > 1) placement.host = own_host_name();
  } else {
    placement.job = variables.required_text("BOSEN_JOB", "BOSEN_RENDEZVOUS");
  }
  return placement;
}

Placement from_torchrun(const Variables& variables) {
  Placement placement;
  placement.source = "torchrun";
  placement.rank = variables.required_integer("RANK", 0, "WORLD_SIZE");
  placement.size = variables.required_integer("WORLD_SIZE", 1, "RANK");
  placement.local_rank = variables.integer("LOCAL_RANK", 0).value_or(0);
  placement.local_size = variables.integer("LOCAL_WORLD_SIZE", 1).value_or(placement.local_rank + 1);
  const std::string host = variables.required_text("MASTER_ADDR", "RANK");
  const std::string port = variables.required_text("MASTER_PORT", "RANK");
  placement.job = token("torchrun-" + variables.text("TORCHELASTIC_RUN_ID").value_or(host) + "-" + port);
  // torchrun's own agent listens at MASTER_PORT when it says so; then rank 0 cannot.
  const bool port_taken = variables.text("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  const auto number = parse_number<std::uint16_t>(port);
  if (!number || *number == 0) fail("the environment variable MASTER_PORT='" + printable(port) + "' is not a port");
  if (!is_host_name(host)) fail("the environment variable MASTER_ADDR='" + printable(host) + "' is not a host");
  placement.coordinator = to_string(Address{host, port_taken ? port_of_job(placement.job) : *number});
  const bool one_host =
      host == "localhost" || host == kLoopback || host == "::1" || placement.local_size == placement.size;
  if (!one_host) placement.host = own_host_name();
  return placement;
}

/// Open MPI and PMI tell nobody where rank 0 is, unless all ranks share a host.
void place_without_host_list(Placement& placement, const Variables& variables) {
  if (placement.local_size == placement.size) {
    placement.coordinator = coordinator_at(kLoopback, placement.job);
    return;
  }
  placement.host = variables.text("PMIX_HOSTNAME").value_or(own_host_name());
}

Placement from_open_mpi(const Variables& variables) {
  Placement placement;
  placement.source = "Open MPI";
  placement.rank = variables.required_integer("OMPI_COMM_WORLD_RANK", 0, "OMPI_COMM_WORLD_SIZE");
  placement.size = variables.required_integer("OMPI_COMM_WORLD_SIZE", 1, "OMPI_COMM_WORLD_RANK");
  placement.local_rank = variables.integer("OMPI_COMM_WORLD_LOCAL_RANK", 0).value_or(0);
  placement.local_size = variables.integer("OMPI_COMM_WORLD_LOCAL_SIZE", 1).value_or(placement.local_rank + 1);
  const auto name_space = variables.text("PMIX_NAMESPACE");
  placement.job =
      token("openmpi-" + (name_space ? *name_space : variables.text("OMPI_MCA_ess_base_jobid").value_or("")));
  place_without_host_list(placement, variables);
  return placement;
}

/// The process id of whoever made the socket by which a launcher of MPICH's kind serves a rank: of one job and host,
/// all have one maker. Nothing where there is no such socket, or where its maker cannot be seen from here.
std::optional<pid_t> server_of_pmi(const Variables& variables) {
  const auto socket = parse_number<int>(variables.text("PMI_FD").value_or(""));
  ucred maker{};
  socklen_t size = sizeof(maker);
  if (!socket || ::getsockopt(*socket, SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0 || maker.pid <= 0) return {};
  return maker.pid;
}

/// What tells a job from others that its user runs at the same time. The variable for it is not always set, and beyond
/// one host nothing else is the same for all ranks but the coordinator that a person has to name.
std::string id_of_pmi_job(const Variables& variables, bool one_host) {
  if (const auto id = variables.text("PMI_JOBID")) return *id;
  if (!one_host) return variables.text("BOSEN_COORDINATOR").value_or("");
  if (const auto port = variables.text("PMI_PORT")) return *port;
  if (const auto server = server_of_pmi(variables)) return "server-" + std::to_string(*server);
  return variables.text("USER").value_or("");
}

Placement from_pmi(const Variables& variables) {
  Placement placement;
  placement.source = "PMI";
  placement.rank = variables.required_integer("PMI_RANK", 0, "PMI_SIZE");
  placement.size = variables.required_integer("PMI_SIZE", 1, "PMI_RANK");
  placement.local_rank = variables.integer("MPI_LOCALRANKID", 0).value_or(0);
  placement.local_size = variables.integer("MPI_LOCALNRANKS", 1).value_or(placement.local_rank + 1);
  placement.job = token("pmi-" + id_of_pmi_job(variables, placement.local_size == placement.size));
  place_without_host_list(placement, variables);
  return placement;
}

/// srun numbers its steps from 0; the numbers at the top mean batch scripts, interactive shells and the like.
bool is_slurm_task(const Variables& variables) {
  const auto step = variables.text("SLURM_STEP_ID");
  if (!step || !variables.has("SLURM_PROCID")) return false;
  const auto number = parse_number<std::uint32_t>(*step);
  return number && *number < 0xfffffff0U;
}

int slurm_local_size(const Variables& variables, std::size_t node, int local_rank) {
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"}) {
    const auto list = variables.text(name);
    if (!list) continue;
    const std::vector<int> counts = expand_counts(*list);
    if (node < counts.size()) return counts[node];
  }
  return local_rank + 1;
}

Placement from_slurm(const Variables& variables) {
  Placement placement;
  placement.source = "Slurm";
  placement.rank = variables.required_integer("SLURM_PROCID", 0, "SLURM_STEP_ID");
  const bool step_size = variables.has("SLURM_STEP_NUM_TASKS");
  placement.size = variables.required_integer(step_size ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS", 1, "SLURM_STEP_ID");
  placement.local_rank = variables.integer("SLURM_LOCALID", 0).value_or(0);
  const auto node = static_cast<std::size_t>(variables.integer("SLURM_NODEID", 0).value_or(0));
  placement.local_size = slurm_local_size(variables, node, placement.local_rank);
  placement.job = token("slurm-" + variables.required_text("SLURM_JOB_ID", "SLURM_STEP_ID") + "." +
                        variables.required_text("SLURM_STEP_ID", "SLURM_PROCID"));
  const bool step_nodes = variables.has("SLURM_STEP_NODELIST");
  const std::vector<std::string> nodes = expand_node_list(
      variables.required_text(step_nodes ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST", "SLURM_STEP_ID"));
  if (node >= nodes.size()) {
    fail("SLURM_NODEID=" + std::to_string(node) + ", but the node list has " + std::to_string(nodes.size()) + " nodes");
  }
  const bool one_host = nodes.size() == 1;
  placement.host = one_host ? kLoopback : variables.text("SLURMD_NODENAME").value_or(nodes[node]);
  placement.coordinator = coordinator_at(one_host ? kLoopback : nodes.front(), placement.job);
  return placement;
}

bool has_all(const Variables& variables, std::initializer_list<const char*> names) {
  return std::all_of(names.begin(), names.end(), [&](const char* name) { return variables.has(name); });
}

Placement alone(const Variables& variables) {
  if (variables.has("BOSEN_COORDINATOR")) {
    fail(
        "BOSEN_COORDINATOR is set, but nothing says which of how many processes this one is: set BOSEN_RANK and "
        "BOSEN_SIZE, or "
        "unset BOSEN_COORDINATOR to run alone");
  }
  if (variables.has("RANK") && variables.integer("WORLD_SIZE", 0).value_or(0) > 1) {
    fail(
        "RANK and WORLD_SIZE say that this process is one of several, but MASTER_ADDR and MASTER_PORT, where they "
        "meet, "
        "are not both set: set them, or unset WORLD_SIZE to run alone");
  }
  Placement placement;
  placement.job = "alone";
  return placement;
}

Placement detect_source(const Variables& variables) {
  if (variables.has("BOSEN_RANK") || variables.has("BOSEN_SIZE")) return from_bosen(variables);
  const bool master = has_all(variables, {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"});
  if (master && variables.has("TORCHELASTIC_RUN_ID")) return from_torchrun(variables);
  if (variables.has("OMPI_COMM_WORLD_RANK") || variables.has("OMPI_COMM_WORLD_SIZE")) return from_open_mpi(variables);
  if (has_all(variables, {"PMI_RANK", "MPI_LOCALRANKID"})) return from_pmi(variables);
  if (master) return from_torchrun(variables);
  if (is_slurm_task(variables)) return from_slurm(variables);
  if (has_all(variables, {"PMI_RANK", "PMI_SIZE"})) return from_pmi(variables);
  return alone(variables);
}

void apply_overrides(const Variables& variables, Placement& placement) {
  if (const auto coordinator = variables.text("BOSEN_COORDINATOR")) {
    if (!parse_address(*coordinator)) {
      fail("the environment variable BOSEN_COORDINATOR='" + printable(*coordinator) +
           "' is not HOST:PORT (an IPv6 address stands in brackets)");
    }
    placement.coordinator = *coordinator;
  }
  if (const auto host = variables.text("BOSEN_HOST")) placement.host = *host;
  if (const auto job = variables.text("BOSEN_JOB")) placement.job = *job;
  placement.servers = variables.integer("BOSEN_SERVERS", 0).value_or(0);
  for (const char* const count : {"BOSEN_RESTART", "TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"}) {
    placement.restart = std::max(placement.restart, variables.integer(count, 0).value_or(0));
  }
  if (const auto text = variables.text("BOSEN_TIMEOUT")) {
    const auto seconds = parse_number<double>(*text);
    if (!seconds || !std::isfinite(*seconds) || *seconds <= 0) {
      fail("the environment variable BOSEN_TIMEOUT='" + printable(*text) + "' is not a number of seconds above 0");
    }
    placement.timeout_s = *seconds;
  }
}

void validate(const Placement& placement) {
  const std::string told = "; this is what " + placement.source + " told this process through the environment";
  const auto number = [](int value) { return std::to_string(value); };
  if (placement.rank >= placement.size) {
    fail("rank " + number(placement.rank) + " is not below the job's size " + number(placement.size) + told);
  }
  if (placement.local_rank >= placement.local_size || placement.local_size > placement.size) {
    fail("local rank " + number(placement.local_rank) + " of " + number(placement.local_size) +
         " processes on this host does not fit a job of size " + number(placement.size) + told);
  }
  if (placement.servers >= placement.size && placement.servers > 0) {
    fail("BOSEN_SERVERS=" + number(placement.servers) + " dedicated servers leave no worker in a job of size " +
         number(placement.size));
  }
  if (!is_host_name(placement.host)) fail("'" + printable(placement.host) + "' (BOSEN_HOST) is not a host");
  if (placement.job.size() > kMaxJobBytes || !std::all_of(placement.job.begin(), placement.job.end(), is_token_byte)) {
    fail("'" + printable(placement.job) + "' (BOSEN_JOB) is not a job's token: at most " + number(kMaxJobBytes) +
         " letters, digits and ._:@+-");
  }
  if (!placement.rendezvous.empty() && !parse_address(placement.rendezvous)) {
    fail("the environment variable BOSEN_RENDEZVOUS='" + printable(placement.rendezvous) + "' is not HOST:PORT");
  }
  if (placement.size > 1 && placement.coordinator.empty() && placement.rendezvous.empty()) {
    fail(placement.source + " does not say where rank 0 listens: set BOSEN_COORDINATOR=HOST:PORT for all " +
         number(placement.size) + " processes, HOST being where rank 0 runs and PORT a free port there");
  }
}

}  // namespace

GetEnv process_environment() {
  return [](const char* name) -> const char* { return std::getenv(name); };
}

std::string simulation_file(const GetEnv& env) {
  const char* const file = env(kSimulationFile);
  return file == nullptr ? "" : file;
}

void set_simulation_file(const std::string& path) { ::setenv(kSimulationFile, path.c_str(), 1); }

std::uint16_t port_of_job(std::string_view job) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : job) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return static_cast<std::uint16_t>(20000 + hash % 10000);
}

bool is_variable_name(std::string_view name) {
  const auto is_name_byte = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), is_name_byte);
}

std::vector<std::pair<std::string, std::string>> exported_variables(const std::vector<std::string>& exports,
                                                                    const GetEnv& env) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const std::string& text : exports) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (!is_variable_name(name)) {
      throw Error(ErrorKind::kUsage, "-x '" + printable(text) + "' is not NAME or NAME=VALUE");
    }
    const char* const value = equals == std::string::npos ? env(name.c_str()) : text.c_str() + equals + 1;
    if (value == nullptr)
      throw Error(ErrorKind::kUsage, "-x " + name + ": it is not set here; write -x " + name + "=VALUE");
    variables.emplace_back(name, value);
  }
  return variables;
}

Placement detect_placement(const GetEnv& env) {
  const Variables variables(env);
  Placement placement = detect_source(variables);
  apply_overrides(variables, placement);
  validate(placement);
  return placement;
}

}  // namespace bosen::launch
