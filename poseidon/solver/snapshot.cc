#include "poseidon/solver/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "bosen/error.h"
#include "poseidon/solver/durable_file.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStateFile = "state.json";
constexpr const char* kPrefix = "iter_";
constexpr const char* kFolder = "snapshots";  ///< in the --output folder of a training
constexpr std::int64_t kFormat = 2;
constexpr std::uintmax_t kStateBytesMax = std::uintmax_t{1} << 26;
/// Far more than anybody trains, and few enough to count on from.
constexpr std::int64_t kCountMax = std::int64_t{1} << 53;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, reason));
}

std::string text_of(std::uint32_t checksum) { return fmt::format("{:08x}", checksum); }

/// What the state file says of another file: how many bytes, and a checksum (CRC-32) of them.
nlohmann::ordered_json entry_of(const fs::path& path, std::uint32_t checksum) {
  return {{"bytes", fs::file_size(path)}, {"crc32", text_of(checksum)}};
}

std::string state_text(const TrainingState& state, const nlohmann::ordered_json& files) {
  nlohmann::ordered_json json{{"format", kFormat},
                              {"net", state.net},
                              {"fingerprint", state.fingerprint},
                              {"type", state.rule},
                              {"iteration", state.iteration},
                              {"examples", state.examples},
                              {"seed", state.seed},
                              {"files", files}};
  if (!state.losses.empty()) json["losses"] = state.losses;
  const SettledSchemes& schemes = state.schemes;
  if (!schemes.layers.empty()) {
    nlohmann::ordered_json& written = json["schemes"];
    written = {{"processes", schemes.processes}, {"workers", schemes.workers}};
    if (schemes.codec != Codec::kFp32) written["codec"] = name_of(schemes.codec);
    for (const auto& [layer, scheme] : schemes.layers) written["layers"][layer] = name_of(scheme);
  }
  return dump_json(json, 2) + "\n";
}

std::string read_text(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    refuse(path.string(), "is not there, so this is no complete snapshot: name another, or the folder of all");
  }
  if (fs::file_size(path, error) > kStateBytesMax) refuse(path.string(), "is no state of a snapshot");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) refuse(path.string(), "cannot be read");
  return text.str();
}

/// A field of the state file, of the type asked for.
template <class T>
T field(const std::string& path, const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  const bool fits =
      found != json.end() && (std::is_same_v<T, std::string> ? found->is_string() : found->is_number_integer());
  if (!fits) refuse(path, fmt::format("has no proper '{}': the snapshot is damaged, or was cut short", name));
  return found->get<T>();
}

/// Snapshots of trainings that average no losses have none.
std::vector<std::vector<double>> read_losses(const std::string& path, const nlohmann::json& json) {
  const auto found = json.find("losses");
  if (found == json.end()) return {};
  try {
    return found->get<std::vector<std::vector<double>>>();
  } catch (const nlohmann::json::exception&) {
    refuse(path, "has no proper 'losses': the snapshot is damaged, name another");
  }
}

/// Trainings without a choice have none.
SettledSchemes read_schemes(const std::string& path, const nlohmann::json& json) {
  const auto found = json.find("schemes");
  if (found == json.end()) return {};
  try {
    SettledSchemes schemes{.processes = found->at("processes").get<int>(), .workers = found->at("workers").get<int>()};
    schemes.codec = codec_named(found->value("codec", "fp32"));
    for (const auto& [layer, name] : found->at("layers").items()) {
      const Scheme scheme = scheme_named(name.get<std::string>());
      if (scheme != Scheme::kAuto) schemes.layers.emplace(layer, scheme);
    }
    return schemes;
  } catch (const std::exception&) {
    refuse(path, "has no proper 'schemes': the snapshot is damaged, name another");
  }
}

/// The checksums of the snapshot's files, which are as long as they were.
std::map<std::string, std::string> read_files(const fs::path& folder, const std::string& path,
                                              const nlohmann::json& json) {
  const auto files = json.find("files");
  if (files == json.end() || !files->is_object()) refuse(path, "does not list its files: the snapshot is damaged");
  std::map<std::string, std::string> checksums;
  for (const char* name : {kWeightsFile, kSolverFile}) {
    const auto entry = files->find(name);
    if (entry == files->end()) refuse(path, fmt::format("does not list {}: the snapshot is damaged", name));
    const auto expected = field<std::int64_t>(path, *entry, "bytes");
    checksums[name] = field<std::string>(path, *entry, "crc32");
    const std::string file = (folder / name).string();
    std::error_code error;
    const auto bytes = static_cast<std::int64_t>(fs::file_size(file, error));
    if (error) refuse(file, "is not there, so this is no complete snapshot: name another");
    if (bytes != expected) {
      refuse(file,
             fmt::format("has {} bytes instead of {}: the snapshot was cut short: name another", bytes, expected));
    }
  }
  return checksums;
}

/// Reads the whole file.
void expect_undamaged(const Snapshot& snapshot, const char* name) {
  const std::string file = (fs::path(snapshot.path) / name).string();
  if (text_of(checksum_of_file(file)) == snapshot.checksums.at(name)) return;
  refuse(file, "is not as it was written: the snapshot is damaged, name another");
}

Snapshot read_snapshot(const fs::path& folder) {
  const std::string path = (folder / kStateFile).string();
  const nlohmann::json json = parse_json(read_text(path));
  if (!json.is_object()) refuse(path, "is no JSON: the snapshot is damaged, or was cut short");
  if (const auto format = field<std::int64_t>(path, json, "format"); format != kFormat) {
    refuse(path, fmt::format("has format {}, this program reads {}: use the version that wrote it", format, kFormat));
  }
  TrainingState state{.net = field<std::string>(path, json, "net"),
                      .fingerprint = field<std::string>(path, json, "fingerprint"),
                      .rule = field<std::string>(path, json, "type"),
                      .iteration = field<std::int64_t>(path, json, "iteration"),
                      .examples = field<std::int64_t>(path, json, "examples"),
                      .seed = field<std::uint64_t>(path, json, "seed")};
  for (const std::int64_t count : {state.iteration, state.examples}) {
    if (count < 0 || count > kCountMax) {
      refuse(path, fmt::format("counts {}, which can't be: the snapshot is damaged, name another", count));
    }
  }
  state.losses = read_losses(path, json);
  state.schemes = read_schemes(path, json);
  return {.path = folder.string(), .state = std::move(state), .checksums = read_files(folder, path, json)};
}

/// N of "iter_N".
std::optional<std::int64_t> iteration_of(const std::string& name) {
  const std::string prefix = kPrefix;
  if (!name.starts_with(prefix)) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, number);
  if (error != std::errc{} || stop != end || number < 0) return std::nullopt;
  return number;
}

/// Snapshots of a folder, newest first.
std::vector<std::string> candidates(const std::string& folder) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto iteration = iteration_of(entry->path().filename().string());
    if (iteration) found.emplace_back(*iteration, entry->path().string());
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> paths;
  for (auto& [iteration, path] : found) paths.push_back(std::move(path));
  return paths;
}

void write_files(const fs::path& folder, const TrainingState& state, const TrainingTensors& tensors, Backend& backend) {
  const fs::path weights = folder / kWeightsFile;
  const fs::path history = folder / kSolverFile;
  const std::map<std::string, std::string> metadata{
      {"format", "poseidon"}, {"net", state.net}, {"iteration", std::to_string(state.iteration)}};
  nlohmann::ordered_json files;
  std::uint32_t checksum = write_tensor_file(weights.string(), sources_of(tensors.weights, backend), metadata);
  files[kWeightsFile] = entry_of(weights, checksum);
  checksum = write_tensor_file(history.string(), sources_of(tensors.history, backend));
  files[kSolverFile] = entry_of(history, checksum);
  SummedFile file((folder / kStateFile).string());
  file.write(state_text(state, files));
  file.commit();
  sync_folder(folder.string());
}

}  // namespace

std::string write_snapshot(const std::string& snapshots, const TrainingState& state, const TrainingTensors& tensors,
                           Backend& backend) {
  const std::string name = fmt::format("{}{}", kPrefix, state.iteration);
  const fs::path path = fs::path(snapshots) / name;
  const fs::path partial = fs::path(snapshots) / ("." + name + ".partial");
  std::error_code error;
  const auto check = [&](const fs::path& which) {
    if (error) fail_storage(which.string(), error.value());
  };
  fs::create_directories(snapshots, error);
  check(snapshots);
  fs::remove_all(partial, error);  // of a run that was killed
  check(partial);
  try {
    fs::create_directory(partial, error);
    check(partial);
    write_files(partial, state, tensors, backend);
    place_folder(partial.string(), path.string());
    sync_folder(snapshots);
  } catch (...) {
    fs::remove_all(partial, error);
    throw;
  }
  fs::remove_all(partial, error);  // an older snapshot of this iteration, where there was one
  return path.string();
}

std::optional<std::int64_t> newest_iteration(const std::string& snapshots) {
  const std::vector<std::string> paths = candidates(snapshots);
  if (paths.empty()) return std::nullopt;
  return iteration_of(fs::path(paths.front()).filename().string());
}

Snapshot open_snapshot(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) refuse(path, "is no folder: name a snapshot, or the folder of all");
  if (fs::exists(fs::path(path) / kStateFile, error)) return read_snapshot(path);
  if (iteration_of(fs::path(path).filename().string())) return read_snapshot(path);
  std::vector<std::string> paths = candidates(path);
  if (paths.empty()) paths = candidates((fs::path(path) / kFolder).string());
  std::string reason;
  for (const std::string& candidate : paths) {
    try {
      Snapshot snapshot = read_snapshot(candidate);
      snapshot.passed_over = reason;
      return snapshot;
    } catch (const bosen::Error& broken) {
      if (reason.empty()) reason = broken.what();
    }
  }
  if (paths.empty()) refuse(path, fmt::format("holds no snapshot (no folder {}N)", kPrefix));
  refuse(path, "holds no complete snapshot; of the newest: " + reason);
}

void load_snapshot(const Snapshot& snapshot, const TrainingState& expected, const TrainingTensors& tensors,
                   Backend& backend) {
  const TrainingState& state = snapshot.state;
  if (state.net != expected.net) {
    refuse(snapshot.path,
           fmt::format("is a snapshot of net '{}', not '{}': name one of this net", state.net, expected.net));
  }
  if (state.rule != expected.rule) {
    refuse(snapshot.path, fmt::format("was trained with solver type {}, not {}: resume with that, or take --weights {}",
                                      state.rule, expected.rule, (fs::path(snapshot.path) / kWeightsFile).string()));
  }
  const TensorFile weights((fs::path(snapshot.path) / kWeightsFile).string());
  const TensorFile history((fs::path(snapshot.path) / kSolverFile).string());
  // Tensors first: what they say is clearer than "another net".
  check_tensors(weights, tensors.weights, Match::kExact);
  check_tensors(history, tensors.history, Match::kExact);
  if (state.fingerprint != expected.fingerprint) {
    refuse(snapshot.path, "is a snapshot of another net with the same tensors in another order: name one of this net");
  }
  for (const char* name : {kWeightsFile, kSolverFile}) expect_undamaged(snapshot, name);
  check_finite(weights, tensors.weights);
  check_finite(history, tensors.history);
  fill_tensors(weights, tensors.weights, backend);
  fill_tensors(history, tensors.history, backend);
}

WeightsFile find_weights(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  const Snapshot snapshot = open_snapshot(path);
  expect_undamaged(snapshot, kWeightsFile);
  return {(fs::path(snapshot.path) / kWeightsFile).string(), snapshot.passed_over};
}

}  // namespace poseidon
