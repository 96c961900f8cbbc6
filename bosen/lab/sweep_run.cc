#include "bosen/lab/sweep_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "bosen/base/error.h"
#include "bosen/base/json.h"
#include "bosen/base/limits.h"
#include "bosen/launch/app_flags.h"
#include "bosen/launch/child_process.h"
#include "bosen/sim/sim_spec.h"
#include "bosen/wire/checksum.h"

namespace bosen::lab {
namespace {

using Json = nlohmann::ordered_json;

/// YAML as JSON, which is YAML too: every scalar a text.
Json to_json(const SpecNode& node) {
  switch (node.kind()) {
    case SpecNode::Kind::kEmpty:
      return nullptr;
    case SpecNode::Kind::kText:
      return node.text();
    case SpecNode::Kind::kList: {
      Json list = Json::array();
      for (const SpecNode& item : node.items()) list.push_back(to_json(item));
      return list;
    }
    case SpecNode::Kind::kMap: {
      Json map = Json::object();
      for (const auto& [key, value] : node.fields()) map[key] = to_json(value);
      return map;
    }
  }
  return nullptr;
}

/// The map with a value at a path of keys joined by dots, and maps made on the way.
SpecNode with_value_at(const SpecNode& map, const std::string& path, const SpecNode& value) {
  if (map.kind() != SpecNode::Kind::kMap && map.kind() != SpecNode::Kind::kEmpty) {
    value.fail(path + ": what it would stand in is no map");
  }
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return map.with(path, value);
  const std::string key = path.substr(0, dot);
  const SpecNode* const inner = map.find(key);
  return map.with(key, with_value_at(inner == nullptr ? SpecNode() : *inner, path.substr(dot + 1), value));
}

/// Flags by name; a value given later takes the place of an earlier one.
class Flags {
 public:
  void set(const std::string& name, const SpecNode& value) {
    std::vector<std::string> texts;
    for (const SpecNode& item : value.items()) {
      if (item.kind() != SpecNode::Kind::kText) item.fail(name + ": a flag's value is a text or a list of texts");
      texts.push_back(item.text());
    }
    // Without a word on the command line the program's default would run, under another name.
    if (texts.empty()) value.fail_at_key(name + ": needs a value; where the program's default is meant, leave it out");
    const auto same = [&](const auto& flag) { return flag.first == name; };
    const auto found = std::find_if(flags_.begin(), flags_.end(), same);
    if (found != flags_.end()) {
      found->second = texts;
    } else {
      flags_.emplace_back(name, texts);
    }
  }

  [[nodiscard]] std::vector<std::string> words() const {
    std::vector<std::string> words;
    for (const auto& [name, texts] : flags_) {
      for (const std::string& text : texts) words.push_back(fmt::format("--{}={}", name, text));
    }
    return words;
  }

  [[nodiscard]] Json json() const {
    Json json = Json::object();
    for (const auto& [name, texts] : flags_) json[name] = texts.size() == 1 ? Json(texts.front()) : Json(texts);
    return json;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> flags_;
};

int count_of(const std::string& key, const SpecNode& value, int least) {
  int count = 0;
  const std::string& text = value.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count < least || count > limits::kProcessesMax) {
    value.fail(fmt::format("{}: must be from {} to {}, not '{}'", key, least, limits::kProcessesMax, text));
  }
  return count;
}

/// What the settings of a point of the grid come to.
struct Point {
  std::vector<std::pair<std::string, std::string>> labels;
  Flags flags;
  int processes = 1;
  int servers = 0;
  SpecNode cluster;

  void set(const Setting& setting) {
    const auto& [key, value] = setting;
    if (key.starts_with("cluster.")) {
      if (value.kind() == SpecNode::Kind::kEmpty) value.fail_at_key(key + ": needs a value, or [] for an empty list");
      cluster = with_value_at(cluster, key.substr(std::string_view("cluster.").size()), value);
    } else if (key == "processes") {
      processes = count_of(key, value, 1);
    } else if (key == "servers") {
      servers = count_of(key, value, 0);
    } else {
      flags.set(key, value);
    }
  }
};

/// Size and checksum of a file; empty where there is none.
std::string version_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  return content.empty() ? ""
                         : fmt::format("{}-{:08x}", content.size(), wire::crc32c(std::as_bytes(std::span(content))));
}

/// Of the file that the command starts: a name without a slash stands for one in PATH, not in this folder.
std::string build_of(const std::string& program) {
  try {
    return version_of(launch::find_program(program));
  } catch (const Error&) {
    return {};  // check_program is what refuses it
  }
}

std::string folder_of(const SweepSpec& spec) { return std::filesystem::absolute(spec.file).parent_path().string(); }

Point make_point(const SweepSpec& spec, std::size_t index) {
  Point point{.labels = {}, .flags = {}, .processes = spec.processes, .servers = spec.servers, .cluster = {}};
  if (spec.cluster) point.cluster = *spec.cluster;
  for (const Setting& flag : spec.flags) point.flags.set(flag.first, flag.second);
  std::size_t block = spec.settings();
  for (const Axis& axis : spec.axes) {
    block /= axis.values.size();
    const AxisValue& value = axis.values[index / block % axis.values.size()];
    point.labels.emplace_back(axis.name, value.label);
    for (const Setting& setting : value.settings) point.set(setting);
  }
  if (spec.cluster) sim::check_cluster(point.cluster, folder_of(spec));
  return point;
}

/// A profile's path is meant from the sweep's file, and read from a run's folder. Returns it, or nothing where there is
/// none.
std::string make_profile_absolute(Json& cluster, const std::string& folder) {
  const auto compute = cluster.find("compute");
  if (compute == cluster.end() || !compute->is_object()) return {};
  const auto profile = compute->find("profile");
  if (profile == compute->end() || !profile->is_string()) return {};
  *profile = (std::filesystem::path(folder) / profile->get<std::string>()).string();
  return profile->get<std::string>();
}

std::vector<std::string> real_command(const Point& point, const std::string& program, const SweepRun& run,
                                      const std::string& programs) {
  std::vector<std::string> command;
  if (point.processes + point.servers > 1) {
    command = {programs + "/bosen", "run", "-n", std::to_string(point.processes)};
    if (point.servers > 0) command.insert(command.end(), {"--servers", std::to_string(point.servers)});
    command.emplace_back("--");
  }
  command.push_back(program);
  const std::vector<std::string> flags = point.flags.words();
  command.insert(command.end(), flags.begin(), flags.end());
  command.push_back(fmt::format("--seed={}", run.seed));
  command.push_back("--output=" + run.folder);
  return command;
}

}  // namespace

std::string SweepRun::title() const {
  std::string text;
  for (const auto& [axis, label] : labels) text += fmt::format("{} {}, ", axis, label);
  return text + fmt::format("seed {}", seed);
}

void check_program(const SweepSpec& spec, const std::string& programs) {
  const std::vector<std::string> flags = launch::flags_of_app(spec.program, programs);
  const auto check = [&](const Setting& setting) {
    const std::string& name = setting.first;
    if (name == "processes" || name == "servers" || name.starts_with("cluster.")) return;
    launch::check_flag(setting, spec.program, flags);
  };
  std::for_each(spec.flags.begin(), spec.flags.end(), check);
  for (const Axis& axis : spec.axes) {
    for (const AxisValue& value : axis.values) std::for_each(value.settings.begin(), value.settings.end(), check);
  }
}

std::vector<SweepRun> plan_runs(const SweepSpec& spec, const std::string& output, const std::string& programs) {
  const std::string program = launch::program_beside(programs, spec.program.text());
  const std::string build = build_of(program);
  std::vector<SweepRun> runs;
  for (std::size_t index = 0; index < spec.settings(); ++index) {
    const Point point = make_point(spec, index);
    Json cluster = to_json(point.cluster);
    const std::string profile = make_profile_absolute(cluster, folder_of(spec));
    const std::string profile_version = profile.empty() ? "" : version_of(profile);
    for (const std::uint64_t seed : spec.seeds) {
      SweepRun run;
      run.number = static_cast<int>(runs.size()) + 1;
      run.labels = point.labels;
      run.build = build;
      run.profile_version = profile_version;
      run.seed = seed;
      run.folder = fmt::format("{}/runs/{:04}", output, run.number);
      if (spec.cluster) {
        cluster["program"] = program;
        cluster["flags"] = point.flags.json();
        cluster["seed"] = std::to_string(seed);
        run.cluster = dump_json(cluster, 2) + "\n";
        run.command = {programs + "/bosen", "sim", run.folder + "/cluster.yaml", "--output", run.folder};
      } else {
        run.command = real_command(point, program, run, programs);
      }
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

}  // namespace bosen::lab
