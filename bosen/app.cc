#include "bosen/app.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "bosen/app_internal.h"
#include "bosen/base/commands.h"
#include "bosen/base/error.h"
#include "bosen/base/first_process.h"
#include "bosen/base/folder_lock.h"
#include "bosen/base/limits.h"
#include "bosen/base/streams.h"
#include "bosen/base/version.h"
#include "bosen/monitor/monitor.h"

namespace bosen {
namespace {

constexpr const char* kOtherOutput = "name another folder with --output";

}  // namespace

namespace internal {
namespace {

constexpr double kClocksMax = 1e15;
constexpr double kStragglerFactorMax = 1e6;
constexpr double kTimeoutMaxS = 86'400;

/// The whole of `text` as a number; throws Error(kUsage) for anything else.
template <class T>
T number_of(std::string_view text, const std::string& straggler) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is not of the form WORKER:FACTOR, as in 0:2.5", straggler));
  }
  return value;
}

std::string transport_name(TransportChoice choice) {
  switch (choice) {
    case TransportChoice::kTcp:
      return "tcp";
    case TransportChoice::kIpc:
      return "ipc";
    case TransportChoice::kShm:
      return "shm";
    case TransportChoice::kAutomatic:
      break;
  }
  return "auto";
}

TransportChoice transport_of(const std::string& name) {
  for (const TransportChoice choice : {TransportChoice::kTcp, TransportChoice::kIpc, TransportChoice::kShm}) {
    if (name == transport_name(choice)) return choice;
  }
  return TransportChoice::kAutomatic;
}

void read_staleness(const std::string& text, Options& options) {
  options.tunes_staleness = text == "auto";
  if (options.tunes_staleness) {
    options.staleness = kTunedStalenessStart;
    return;
  }
  Clock clocks = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), clocks);
  if (error != std::errc{} || end != text.data() + text.size() || clocks < 0 ||
      clocks > static_cast<Clock>(kClocksMax)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' must be a whole number from 0 to {:.0f}, or auto", text, kClocksMax));
  }
  options.staleness = clocks;
}

std::string checked_monitor(const std::string& text) {
  if (const auto address = monitor::parse_monitor_address(text)) return to_string(*address);
  throw Error(ErrorKind::kUsage, fmt::format("'{}' is not PORT, HOST or HOST:PORT, as in {} or 0.0.0.0:{}", text,
                                             monitor::kDefaultPort, monitor::kDefaultPort));
}

void add_job_options(OptionReader& reader, const std::string& heading, Options& options) {
  const auto add = [&](const char* name, OptionTarget target, std::string help, OptionRule rule) {
    reader.add(heading, {name, std::move(target), std::move(help), std::move(rule)});
  };
  add("workers", &options.workers, "worker threads of each process",
      {.minimum = 1, .maximum = limits::kWorkersPerProcessMax});
  add("consistency", [&options](const std::string& text) { options.consistency = parse_consistency(text); },
      "what reads guarantee: bsp lockstep; ssp at most --staleness clocks behind, asked for; essp the same, sent "
      "unasked; "
      "asp no bound",
      {.choices = {"bsp", "ssp", "essp", "asp"}, .default_text = std::string(to_string(options.consistency))});
  add("staleness", [&options](const std::string& text) { read_staleness(text, options); },
      "clocks by which a read may lag under ssp and essp; auto: as many as the job does best with, found while it runs",
      {.value_name = "CLOCKS|auto", .default_text = std::to_string(options.staleness)});
  add("clocks", &options.clocks, "clocks to run; 0: as many as the app needs", {.minimum = 0, .maximum = kClocksMax});
  add("seed", &options.seed,
      options.seed == 0 ? "seed of everything random; 0: as the app says" : "seed of everything random", {});
  add("straggler", [&options](const std::string& text) { options.stragglers = parse_stragglers(text); },
      "slow a worker: it takes FACTOR times its computing time; may be repeated",
      {.value_name = "WORKER:FACTOR", .list = true});
  add("threads", &options.threads, "threads that a worker may compute with", {.minimum = 1, .maximum = 1024});
  add("shards", &options.shards, "shards of each process that has any; 0: chosen automatically",
      {.minimum = 0, .maximum = limits::kShardsPerProcessMax});
  add("servers", &options.servers, "the last N processes only serve rows; 'bosen run --servers' goes before it",
      {.minimum = 0, .maximum = limits::kProcessesMax});
  add("transport", [&options](const std::string& text) { options.transport = transport_of(text); },
      "how messages travel between processes",
      {.choices = {"auto", "tcp", "ipc", "shm"}, .default_text = transport_name(options.transport)});
  add("timeout", &options.timeout_s, "seconds that starting may take", {.minimum = 0.001, .maximum = kTimeoutMaxS});
}

void add_output_options(OptionReader& reader, const std::string& heading, Options& options) {
  reader.add(heading,
             {"output", &options.output, "folder for results, made where there is none", {.value_name = "DIR"}});
  reader.add(heading, {"metrics",
                       &options.metrics,
                       "file for metrics, a JSON object a line (default: metrics.jsonl in --output's folder)",
                       {.value_name = "FILE.jsonl"}});
  reader.add(heading, {"tensorboard",
                       &options.tensorboard,
                       "folder for an event file that TensorBoard reads, made where there is none",
                       {.value_name = "DIR"}});
  reader.add(heading, {"monitor",
                       [&options](const std::string& text) { options.monitor = checked_monitor(text); },
                       fmt::format("show the job live at http://ADDRESS while it runs: HOST:PORT, or PORT of this host "
                                   "alone; 0: any free one; 'bosen top' reads {}",
                                   monitor::kDefaultPort),
                       {.value_name = "ADDRESS"}});
  reader.add(heading, {"json", &options.json, "print a summary as JSON on stdout at the end"});
}

}  // namespace

std::map<WorkerId, double> parse_stragglers(const std::string& text) {
  std::map<WorkerId, double> stragglers;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string item(rest.substr(0, comma));
    more = comma != std::string_view::npos;
    rest.remove_prefix(more ? comma + 1 : rest.size());

    const std::size_t colon = std::min(item.find(':'), item.size());
    const auto worker = number_of<WorkerId>(std::string_view(item).substr(0, colon), item);
    const auto factor = number_of<double>(std::string_view(item).substr(std::min(colon + 1, item.size())), item);
    if (worker < 0) throw Error(ErrorKind::kUsage, fmt::format("{}: workers are numbered from 0", item));
    if (!(factor >= 1 && factor <= kStragglerFactorMax)) {
      throw Error(ErrorKind::kUsage, fmt::format("{}: the factor must be from 1 to {:g}", item, kStragglerFactorMax));
    }
    if (!stragglers.emplace(worker, factor).second) {
      throw Error(ErrorKind::kUsage, fmt::format("worker {} is given twice: give it one factor", worker));
    }
  }
  return stragglers;
}

void add_checkpoint_options(OptionReader& reader, Options& options) {
  const char* const heading = "Checkpoints";
  reader.add(heading, {"checkpoint-every",
                       &options.checkpoint_every,
                       "clocks between checkpoints, kept in --output's folder; 0: none",
                       {.minimum = 0, .maximum = kClocksMax}});
  reader.add(heading, {"resume",
                       &options.resume,
                       "go on from the newest checkpoint in this folder, or from this one",
                       {.value_name = "DIR"}});
}

void add_common_options(OptionReader& reader, Options& options) {
  add_job_options(reader, "Job", options);
  add_output_options(reader, "Results", options);
}

launch::Placement place(launch::Placement placement, Options& options, bool timeout_given) {
  if (timeout_given) {
    placement.timeout_s = options.timeout_s;
  } else {
    options.timeout_s = placement.timeout_s;
  }
  if (placement.source == "bosen run" || placement.servers > 0) {
    options.servers = placement.servers;
  } else if (options.servers >= placement.size) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("--servers {} leaves no process for the workers, as the job has {}: start more processes, as "
                    "with 'bosen run -n {} --servers {} -- ...'",
                    options.servers, placement.size, options.servers + 1, options.servers));
  }
  placement.servers = options.servers;
  options.restart = placement.restart;
  if (placement.size == 1 && !options.stragglers.empty() && options.stragglers.rbegin()->first >= options.workers) {
    throw Error(ErrorKind::kUsage, fmt::format("--straggler: there is no worker {}: the workers are 0 to {}",
                                               options.stragglers.rbegin()->first, options.workers - 1));
  }
  return placement;
}

void prepare_output(const std::string& folder) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(ErrorKind::kStorage,
                fmt::format("cannot write to output folder '{}': {}; name another with --output", folder, reason));
  };
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) refuse(error.message());
  // Only a file that was really written proves that files can be: permission bits don't bind root or know read-only
  // disks.
  const std::string probe = fmt::format("{}/.bosen-write-test-{}", folder, ::getpid());
  const int file = ::open(probe.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) refuse(std::strerror(errno));
  const bool written = ::write(file, "\n", 1) == 1;
  const int write_error = errno;
  ::close(file);
  ::unlink(probe.c_str());
  if (!written) refuse(std::strerror(write_error));
}

std::string one_line(const std::string& message) {
  std::string line = message;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
  return line;
}

}  // namespace internal

App::App(std::string name, std::string description) : name_(std::move(name)), description_(std::move(description)) {}

App& App::option(std::string name, OptionTarget target, std::string help, OptionRule rule) {
  options_.push_back({std::move(name), std::move(target), std::move(help), std::move(rule)});
  return *this;
}

App& App::check(std::function<void(const Options&)> check) {
  check_ = std::move(check);
  return *this;
}

App& App::makes_checkpoints() {
  makes_checkpoints_ = true;
  return *this;
}

App& App::updater(const std::string& name, UpdaterFactory<float> factory) {
  std::get<UpdaterFactories<float>>(updaters_)[name] = std::move(factory);
  return *this;
}

App& App::updater(const std::string& name, UpdaterFactory<double> factory) {
  std::get<UpdaterFactories<double>>(updaters_)[name] = std::move(factory);
  return *this;
}

App& App::updater(const std::string& name, UpdaterFactory<std::int32_t> factory) {
  std::get<UpdaterFactories<std::int32_t>>(updaters_)[name] = std::move(factory);
  return *this;
}

App& App::updater(const std::string& name, UpdaterFactory<std::int64_t> factory) {
  std::get<UpdaterFactories<std::int64_t>>(updaters_)[name] = std::move(factory);
  return *this;
}

int App::run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body) {
  open_standard_streams();
  end_at_signals_as_first_process();
  const auto fail = [&](const std::string& message, int code) {
    say(fmt::format("{}: {}\n", name_, internal::one_line(message)));
    return code;
  };
  try {
    const int code = read_and_run(argc, argv, body);
    const std::string lost = lost_output();
    return code != 0 || lost.empty() ? code : fail(lost, exit_code(ErrorKind::kStorage));
  } catch (const Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::exception& error) {
    const std::string lost = lost_output();
    return fail(lost.empty() ? as_error(error).what() : lost, 1);
  }
}

int App::read_and_run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body) {
  Options options = defaults_;
  OptionReader reader(name_, description_);
  for (const AppOption& option : options_) reader.add(name_, option);
  internal::add_common_options(reader, options);
  if (makes_checkpoints_) internal::add_checkpoint_options(reader, options);
  switch (reader.read(argc, argv)) {
    case OptionReader::Request::kHelp:
      fmt::print("{}", reader.help());
      return 0;
    case OptionReader::Request::kVersion:
      fmt::print("{} (bosen {})\n", name_, kVersion);
      return 0;
    case OptionReader::Request::kRun:
      break;
  }
  const bool is_stale = options.consistency == Consistency::kSsp || options.consistency == Consistency::kEssp;
  if (!is_stale && options.tunes_staleness) {
    throw Error(ErrorKind::kUsage, fmt::format("--staleness auto: {} has no staleness; use --consistency ssp or essp",
                                               to_string(options.consistency)));
  }
  if (!options.output.empty() && options.metrics.empty()) options.metrics = options.output + "/metrics.jsonl";
  std::optional<FolderLock> lock;
  const std::string simulation = launch::simulation_file(launch::process_environment());
  if (!simulation.empty()) {
    if (check_) check_(options);
    if (!options.output.empty()) {
      internal::prepare_output(options.output);
      lock.emplace(options.output).expect_no_other(kOtherOutput);
    }
    configuration_ = reader.values();
    return internal::simulate_job(*this, options, simulation, body);
  }
  // As of a script's variable that is not set: beginning anew would write over what was to go on.
  if (makes_checkpoints_ && reader.given("resume") && options.resume.empty()) {
    throw Error(ErrorKind::kUsage, "--resume names no folder: give one, or leave --resume out to begin anew");
  }
  if (options.checkpoint_every > 0 && options.output.empty()) {
    throw Error(ErrorKind::kUsage, "--checkpoint-every needs --output DIR, the folder for checkpoints");
  }
  const int servers_asked = options.servers;
  const launch::Placement placement =
      internal::place(launch::detect_placement(launch::process_environment()), options, reader.given("timeout"));
  if (placement.rank == 0 && reader.given("servers") && placement.servers != servers_asked) {
    const char* const winner = placement.source == "bosen run" ? "bosen run's" : "BOSEN_SERVERS";
    say(fmt::format(
        "{0}: --servers {1} changes nothing, as {2} ({3}) goes before it: use 'bosen run --servers {1} ...'\n", name_,
        servers_asked, winner, placement.servers));
  }
  if (!is_stale && placement.rank == 0 && reader.given("staleness") && options.staleness > 0) {
    say(fmt::format("{}: --staleness {} changes nothing under {}; add --consistency ssp or essp\n", name_,
                    options.staleness, to_string(options.consistency)));
  }
  const bool has_workers = placement.rank < placement.size - placement.servers;
  if (check_ && has_workers) check_(options);
  // On every host, as they may share no disk: each process writes its own events there.
  const bool writes = has_workers || options.checkpoint_every > 0;
  if (writes && !options.output.empty()) {
    internal::prepare_output(options.output);
    // The first process for all, as they may share the folder. A network's file system may hold a lock of a lost host
    // for minutes; the job that its launcher starts again is the one that had it.
    if (placement.rank == 0) lock.emplace(options.output);
    if (lock && options.restart == 0) lock->expect_no_other(kOtherOutput);
  }
  configuration_ = reader.values();
  return internal::run_job(*this, options, placement, body);
}

int run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body) {
  const std::string path = argc > 0 ? argv[0] : "app";
  return App(path.substr(path.rfind('/') + 1), "A program on bosen").run(argc, argv, body);
}

}  // namespace bosen
