#include "bosen/lab/sweep_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "bosen/base/limits.h"

namespace bosen::lab {
namespace {

constexpr std::size_t kRunsMax = 100'000;

AxisValue read_scalar(const std::string& axis, const SpecNode& value) {
  if (value.kind() != SpecNode::Kind::kText) value.fail("grid." + axis + ": a value is a text or a number");
  return {.label = value.text(), .settings = {{axis, value}}};
}

AxisValue read_bundle(const std::string& axis, const std::string& label, const SpecNode& settings) {
  AxisValue value{.label = label, .settings = {}};
  if (settings.kind() != SpecNode::Kind::kMap && settings.kind() != SpecNode::Kind::kEmpty) {
    settings.fail("grid." + axis + "." + label + ": must be keys with values, or {}");
  }
  for (const auto& [key, node] : settings.fields()) value.settings.emplace_back(key, node);
  return value;
}

/// A list of values of the key that the axis is named after, or names with what each sets.
Axis read_axis(const std::string& name, const SpecNode& node) {
  Axis axis{.name = name, .values = {}};
  if (node.kind() == SpecNode::Kind::kMap) {
    for (const auto& [label, settings] : node.fields()) axis.values.push_back(read_bundle(name, label, settings));
  } else {
    std::set<std::string> labels;
    for (const SpecNode& item : node.items()) {
      axis.values.push_back(read_scalar(name, item));
      const std::string& label = axis.values.back().label;
      if (labels.insert(label).second) continue;
      item.fail(fmt::format("grid.{}: {} stands there twice: the same run again tells nothing", name, label));
    }
  }
  if (axis.values.empty()) node.fail("grid." + name + ": has no values");
  return axis;
}

std::optional<Target> read_target(const SpecNode& node) {
  if (node.kind() == SpecNode::Kind::kEmpty) return {};
  SpecFields fields(node, "target");
  Target target;
  target.measure = fields.text("measure", {});
  const double at_least = fields.number("at_least", 0.0);
  const double at_most = fields.number("at_most", 0.0);
  fields.finish();  // where one of the two is mistyped, that is what is wrong
  target.at_least = fields.has("at_least");
  if (target.at_least == fields.has("at_most")) fields.fail("measure", "needs either at_most or at_least beside it");
  target.value = target.at_least ? at_least : at_most;
  return target;
}

/// What the sweep sets itself, for every run.
void check_not_reserved(const std::string& key, const SpecNode& node) {
  if (key == "seed") node.fail("seed: list the seeds as 'seeds', beside 'grid'");
  if (key == "output") node.fail("output: every run has a folder of its own, in that of --output");
  if (key == "metrics") node.fail("metrics: every run keeps them in its own folder, where the sweep reads them");
}

std::vector<Setting> read_flags(const SpecNode& flags, bool simulated) {
  if (flags.kind() != SpecNode::Kind::kMap && flags.kind() != SpecNode::Kind::kEmpty) {
    flags.fail("flags: must be names of the program's flags with their values, as in {rank: 3}");
  }
  for (const auto& [key, node] : flags.fields()) {
    check_not_reserved(key, node);
    if (simulated && (key == "workers" || key == "servers" || key == "shards")) {
      node.fail("flags." + key + ": stands in 'cluster'");
    }
  }
  return flags.fields();
}

void check_cluster_key(const std::string& key, const SpecNode& node) {
  const std::string first = key.substr(0, key.find('.'));
  if (first == "seed") node.fail("cluster.seed: list the seeds as 'seeds', beside 'cluster'");
  if (first == "program" || first == "flags") node.fail("cluster." + first + ": stands beside 'cluster', not in it");
}

/// Where a later axis took the place of what an earlier one sets, runs of one setting would be compared as two.
void check_keys_of_axes(const SweepSpec& spec) {
  std::map<std::string, std::string> set_by;  // axes by key, of those before
  for (const Axis& axis : spec.axes) {
    for (const AxisValue& value : axis.values) {
      for (const auto& [key, node] : value.settings) {
        for (const auto& [other, other_axis] : set_by) {
          if (other_axis == axis.name || (other != key && !other.starts_with(key + "."))) continue;
          const std::string replaced = other == key ? "the value" : other;
          node.fail_at_key(
              fmt::format("{}: would replace {} of grid.{}: let one axis set it", key, replaced, other_axis));
        }
        set_by.emplace(key, axis.name);
      }
    }
  }
}

void check_settings(const SweepSpec& spec) {
  const std::string prefix = "cluster.";
  for (const Axis& axis : spec.axes) {
    for (const AxisValue& value : axis.values) {
      for (const auto& [key, node] : value.settings) {
        check_not_reserved(key, node);
        const bool of_cluster = key.starts_with(prefix);
        if (of_cluster && !spec.cluster) node.fail(key + ": there is no 'cluster' to change, the runs are real");
        if (of_cluster) check_cluster_key(key.substr(prefix.size()), node);
        if (spec.cluster && (key == "processes" || key == "servers" || key == "workers" || key == "shards")) {
          node.fail(key + ": of a simulated cluster write cluster." + (key == "processes" ? "nodes" : key));
        }
      }
    }
  }
}

}  // namespace

std::size_t SweepSpec::settings() const {
  std::size_t product = 1;
  for (const Axis& axis : axes) product *= axis.values.size();
  return product;
}

SweepSpec read_sweep_spec(const std::string& path) {
  const SpecNode root = SpecNode::read_file(path);
  const SpecNode* const nodes = root.find("nodes");
  if (nodes != nullptr && root.find("grid") == nullptr) {
    nodes->fail_at_key("unknown key 'nodes': this looks like a file for bosen sim; a sweep has a 'grid' of settings");
  }
  SpecFields fields(root, "");
  SweepSpec spec;
  spec.file = path;
  spec.name = fields.text("name", std::filesystem::path(path).stem().string());
  static_cast<void>(fields.text("program", {}));  // refuses what is no text
  spec.program = fields.child("program");
  spec.flags = read_flags(fields.child("flags"), fields.has("cluster"));
  spec.processes = static_cast<int>(fields.integer("processes", 1, {1, limits::kProcessesMax}));
  spec.servers = static_cast<int>(fields.integer("servers", 0, {0, limits::kProcessesMax}));
  if (fields.has("cluster")) spec.cluster = fields.child("cluster");
  if (spec.cluster && spec.cluster->kind() != SpecNode::Kind::kMap) {
    fields.fail("cluster", "must be keys of a simulated cluster with their values");
  }
  if (spec.cluster) {
    for (const auto& [key, node] : spec.cluster->fields()) check_cluster_key(key, node);
  }
  const SpecNode grid = fields.child("grid");
  for (const auto& [name, node] : grid.fields()) spec.axes.push_back(read_axis(name, node));
  for (const std::int64_t number : fields.integers("seeds", {0, 9e18})) {
    const auto seed = static_cast<std::uint64_t>(number);
    if (std::find(spec.seeds.begin(), spec.seeds.end(), seed) != spec.seeds.end()) {
      fields.fail("seeds", fmt::format("{} stands there twice: the same run again tells nothing", seed));
    }
    spec.seeds.push_back(seed);
  }
  if (spec.seeds.empty()) spec.seeds = {1};
  spec.target = read_target(fields.child("target"));
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  spec.parallel = static_cast<int>(fields.integer("parallel", spec.cluster ? cores : 1, {1, 1024}));
  if (spec.cluster && (spec.processes != 1 || spec.servers != 0)) {
    fields.fail("cluster", "has nodes and servers of its own: leave out processes and servers");
  }
  fields.finish();
  if (spec.axes.empty()) fields.fail("grid", "must name what is varied, as in: {staleness: [0, 2, 8]}");
  check_settings(spec);
  check_keys_of_axes(spec);
  if (spec.settings() * spec.seeds.size() > kRunsMax) fields.fail("grid", "makes too many runs");
  return spec;
}

}  // namespace bosen::lab
