#include "poseidon/solver/solver_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "poseidon/spec/node.h"

namespace poseidon {
namespace {

/// Where the file says nothing: people like to see that something happens.
constexpr std::int64_t kDisplay = 20;
constexpr Range kPositive{std::numeric_limits<float>::min(), kFloatMax};
/// Of iterations and batches: products of them can still be counted.
constexpr double kCountMax = 1e12;
constexpr Range kAtLeast0{0, kCountMax};
constexpr Range kAtLeast1{1, kCountMax};
constexpr Range kPerUpdate{1, 1e6};
constexpr Range kFraction{.minimum = 0, .maximum = 1};

/// A net's path is meant from the solver's folder, as both travel together; Caffe's files mean the working folder.
std::string net_path(const std::string& net, const std::string& solver_file) {
  const std::filesystem::path beside = std::filesystem::path(solver_file).parent_path() / net;
  std::error_code error;
  return std::filesystem::exists(beside, error) || !std::filesystem::exists(net, error)
             ? beside.lexically_normal().string()
             : net;
}

void read_rule(Fields& fields, SolverSpec& spec) {
  using Kind = UpdateRule::Kind;
  constexpr Kind kKinds[] = {Kind::kSgd, Kind::kNesterov, Kind::kAdaGrad, Kind::kRmsProp, Kind::kAdaDelta, Kind::kAdam};
  const std::vector<std::string> types{"SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"};
  const std::size_t type = fields.choice("type", types, 0);
  spec.type = types[type];
  spec.rule.kind = kKinds[type];
  const bool is_adam = spec.rule.kind == Kind::kAdam;
  const bool is_rms_prop = spec.rule.kind == Kind::kRmsProp;
  const bool is_ada_delta = spec.rule.kind == Kind::kAdaDelta;
  spec.rule.momentum = fields.number("momentum", is_adam ? 0.9 : is_ada_delta ? 0.95 : 0.0, kFraction);
  spec.rule.momentum2 = fields.number("momentum2", 0.999, kFraction);
  spec.rule.epsilon = fields.number("delta", 1e-8, kPositive);
  if ((spec.rule.kind == Kind::kAdaGrad || is_rms_prop) && spec.rule.momentum != 0) {
    fields.fail("momentum", spec.type + " has no momentum: leave it out");
  }
  const double rms_decay = fields.number("rms_decay", 0.99, kFraction);
  if (is_rms_prop) {
    spec.rule.momentum = rms_decay;
    if (rms_decay == 1) fields.fail("rms_decay", "must be below 1");
  } else if (fields.has("rms_decay")) {
    fields.fail("rms_decay", "is RMSProp's alone: leave it out");
  }
  if ((is_adam || is_ada_delta) && spec.rule.momentum == 1) fields.fail("momentum", "must be below 1");
  if (is_adam && spec.rule.momentum2 == 1) fields.fail("momentum2", "must be below 1");
  const bool is_l1 = fields.choice("regularization_type", {"L2", "L1"}, 0) != 0;
  spec.rule.decay = is_l1 ? UpdateRule::Decay::kL1 : UpdateRule::Decay::kL2;
}

void read_policy(Fields& fields, LearningRatePolicy& rate) {
  using Kind = LearningRatePolicy::Kind;
  constexpr Kind kKinds[] = {Kind::kFixed, Kind::kStep, Kind::kMultistep, Kind::kInv,
                             Kind::kExp,   Kind::kPoly, Kind::kSigmoid};
  const std::vector<std::string> policies{"fixed", "step", "multistep", "inv", "exp", "poly", "sigmoid"};
  const std::size_t policy = fields.choice("lr_policy", policies, 0);
  rate.kind = kKinds[policy];
  rate.base = fields.number("base_lr", std::nullopt, kFloatsFrom0);
  // A policy without one of its numbers would silently be another policy.
  const auto expect = [&](const char* key, std::initializer_list<Kind> kinds) {
    if (std::find(kinds.begin(), kinds.end(), rate.kind) == kinds.end() || fields.has(key)) return;
    fields.fail("lr_policy", fmt::format("{} needs {} as well", policies[policy], key));
  };
  expect("gamma", {Kind::kStep, Kind::kMultistep, Kind::kInv, Kind::kExp, Kind::kSigmoid});
  expect("power", {Kind::kInv, Kind::kPoly});
  expect("stepsize", {Kind::kStep, Kind::kSigmoid});
  // The sigmoid falls where gamma is below 0.
  rate.gamma = fields.number("gamma", 1.0, rate.kind == Kind::kSigmoid ? kFloats : kFloatsFrom0);
  rate.power = fields.number("power", 1.0, kFloatsFrom0);
  rate.step_size = fields.integer("stepsize", 1, kAtLeast1);
  rate.step_values = fields.integers("stepvalue", kAtLeast0);
  if (rate.kind == Kind::kMultistep && rate.step_values.empty()) {
    fields.fail("stepvalue", "lr_policy multistep needs the iterations of its steps");
  }
  if (!std::is_sorted(rate.step_values.begin(), rate.step_values.end())) {
    fields.fail("stepvalue", "must grow from value to value");
  }
  rate.warmup_iterations = fields.integer("warmup_iter", 0, kAtLeast0);
  rate.warmup_start = fields.number("warmup_start_lr", 0.0, kFloatsFrom0);
  if (fields.has("warmup_start_lr") && rate.warmup_iterations == 0) {
    fields.fail("warmup_start_lr", "needs warmup_iter: for how many iterations the rate grows");
  }
}

void read_course(Fields& fields, SolverSpec& spec) {
  spec.max_iter = fields.integer("max_iter", std::nullopt, kAtLeast0);
  spec.rate.max_iterations = std::max<std::int64_t>(1, spec.max_iter);
  spec.iter_size = fields.integer("iter_size", 1, kPerUpdate);
  spec.test_iter = fields.integer("test_iter", 0, kAtLeast0);
  spec.test_interval = fields.integer("test_interval", 0, kAtLeast0);
  spec.test_initialization = fields.boolean("test_initialization", true);
  spec.display = fields.integer("display", kDisplay, kAtLeast0);
  spec.average_loss = fields.integer("average_loss", 1, kPerUpdate);
  spec.snapshot = fields.integer("snapshot", 0, kAtLeast0);
  spec.snapshot_prefix = fields.text("snapshot_prefix", "");
  spec.snapshot_after_train = fields.boolean("snapshot_after_train", true);
  const std::int64_t seed = fields.integer("random_seed", -1, {.minimum = -1});
  if (seed >= 0) spec.random_seed = static_cast<std::uint64_t>(seed);
}

/// Keys that come along in files from Caffe: where to compute is a question to the machine, weights have one format,
/// and what else is computed or printed on the way leaves results as they are.
void read_what_changes_nothing(Fields& fields) {
  fields.choice("solver_mode", {"CPU", "GPU"}, 0);
  static_cast<void>(fields.integer("device_id", 0));
  fields.choice("snapshot_format", {"HDF5", "BINARYPROTO"}, 0);
  for (const char* key : {"debug_info", "test_compute_loss", "layer_wise_reduce"}) {
    static_cast<void>(fields.boolean(key, false));
  }
  if (fields.boolean("snapshot_diff", false)) {
    fields.fail("snapshot_diff", "snapshots have no gradients: leave it out");
  }
}

SolverSpec from_node(const Node& root, const std::string& file) {
  SolverSpec spec;
  spec.file = file;
  Fields fields(root, "solver");
  if (!fields.has("net") && fields.has("layer")) {
    root.fail("this is a net: give the file of a solver that names it, as those in config/solvers do");
  }
  spec.net = net_path(fields.text("net", std::nullopt), file);
  read_rule(fields, spec);
  read_policy(fields, spec.rate);
  read_course(fields, spec);
  spec.weight_decay = fields.number("weight_decay", 0.0, kFloatsFrom0);
  // Caffe's files say -1 for "do not clip".
  const double clip = fields.number("clip_gradients", -1.0, kFloats);
  if (clip == 0) fields.fail("clip_gradients", "0 would stop all learning: give a norm above 0, or leave it out");
  spec.clip_gradients = std::max(0.0, clip);
  read_what_changes_nothing(fields);
  fields.finish();
  return spec;
}

}  // namespace

SolverSpec read_solver_spec(const std::string& path) {
  const Node root = Node::read_file(path);
  SolverSpec spec = from_node(root, path);
  std::error_code error;
  if (std::filesystem::exists(spec.net, error)) return spec;
  const Node& net = *root.find("net");
  net.fail(fmt::format("there is no '{}', neither beside this file nor in the working folder", net.text()));
}

SolverSpec parse_solver_spec(const std::string& text, const std::string& file) {
  return from_node(Node::parse(text, file), file);
}

}  // namespace poseidon
