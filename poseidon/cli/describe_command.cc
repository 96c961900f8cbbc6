// poseidon describe: a net's layers, shapes and costs, and how its gradients would travel between workers. Needs no
// data, no memory and no device.

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bosen/commands.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/net_file.h"
#include "poseidon/net_description.h"
#include "poseidon/spec/json.h"
#include "poseidon/sync/cost_model.h"

namespace poseidon {
namespace {

constexpr const char* kName = "poseidon describe";
constexpr double kMega = 1e6;

struct DescribeFlags {
  std::string net;
  std::string phase = "train";
  std::int64_t batch = 0;
  int workers = 1;
  Scheme scheme = Scheme::kAuto;
  Codec codec = Codec::kFp32;
  bool json = false;
};

void declare(bosen::OptionReader& reader, DescribeFlags& flags) {
  const auto add = [&](const char* name, bosen::OptionTarget target, const char* help, bosen::OptionRule rule) {
    reader.add("Describe", {name, std::move(target), help, std::move(rule)});
  };
  add("net", &flags.net, "the net, or a solver that names it",
      {.value_name = "NET.yaml", .required = true, .positional = true});
  add("phase", &flags.phase, "which of the net's layers", {.choices = {"train", "test"}});
  add("batch", &flags.batch, "images of a worker's batch; 0: as the net's data layer says",
      {.minimum = 0, .maximum = 1e6});
  add("workers", &flags.workers, "workers, each in a process of its own, between which gradients travel",
      {.minimum = 1, .maximum = 4096});
  add("scheme", [&flags](const std::string& text) { flags.scheme = scheme_named(text); },
      "how they travel: through tables, as sufficient factors, or what costs less",
      {.choices = {"ps", "sfb", "auto"}, .default_text = "auto"});
  add("codec", [&flags](const std::string& text) { flags.codec = codec_named(text); },
      "as what they travel: floats, bfloat16, or so many bits each (bfloat16 where they are factors)",
      {.choices = {"fp32", "bf16", "4bit", "1bit"}, .default_text = "fp32"});
  add("json", &flags.json, "print JSON", {});
}

/// How a layer's gradients travel.
struct Travel {
  Scheme scheme = Scheme::kNone;
  Codec codec = Codec::kFp32;
  std::int64_t bytes = 0;  ///< an iteration and process, sent and received
};

Travel travel_of(const LayerDescription& layer, const DescribeFlags& flags) {
  if (layer.exchanged.empty()) return {};
  LayerSize size{.factor_inputs = layer.factor_inputs, .factor_outputs = layer.factor_outputs, .batch = layer.batch};
  for (const std::int64_t elements : layer.exchanged) size.parameters += elements;
  const Party party{.processes = flags.workers};
  size.codec = codec_for(flags.codec, size.parameters, party);
  const Scheme scheme = choose(flags.scheme, size, party);
  return {.scheme = scheme, .codec = codec_by(scheme, size.codec), .bytes = predicted_bytes(scheme, size, party)};
}

std::string shapes_of(const LayerDescription& layer) {
  std::string text;
  for (const Shape& shape : layer.outputs) text += (text.empty() ? "" : " ") + shape.text();
  return text;
}

void print_json(const NetDescription& net, const DescribeFlags& flags) {
  nlohmann::ordered_json json{{"net", net.name},
                              {"parameters", net.parameters},
                              {"forward_flops", net.forward_flops},
                              {"memory_bytes", net.memory_bytes},
                              {"layers", nlohmann::ordered_json::array()}};
  std::int64_t bytes = 0;
  for (const LayerDescription& layer : net.layers) {
    nlohmann::ordered_json entry{{"layer", layer.name},
                                 {"type", layer.type},
                                 {"outputs", nlohmann::ordered_json::array()},
                                 {"parameters", layer.parameters},
                                 {"forward_flops", layer.forward_flops}};
    for (const Shape& shape : layer.outputs) entry["outputs"].push_back(shape.extents());
    const Travel travel = travel_of(layer, flags);
    if (flags.workers > 1 && !layer.exchanged.empty()) {
      entry["scheme"] = name_of(travel.scheme);
      entry["codec"] = name_of(travel.codec);
      entry["bytes"] = travel.bytes;
      bytes += travel.bytes;
    }
    json["layers"].push_back(std::move(entry));
  }
  if (flags.workers > 1) {
    json["workers"] = flags.workers;
    json["bytes"] = bytes;
  }
  fmt::print("{}\n", dump_json(json));
}

void print_table(const NetDescription& net, const DescribeFlags& flags) {
  const bool travels = flags.workers > 1;
  fmt::print("{:<28} {:<18} {:<26} {:>12} {:>12}", "layer", "type", "output", "parameters", "Mflop");
  if (travels) fmt::print("  {:<6} {:<6} {:>10}", "scheme", "codec", "MB");
  fmt::print("\n");
  std::int64_t bytes = 0;
  for (const LayerDescription& layer : net.layers) {
    fmt::print("{:<28} {:<18} {:<26} {:>12} {:>12.2f}", layer.name, layer.type, shapes_of(layer), layer.parameters,
               static_cast<double>(layer.forward_flops) / kMega);
    const Travel travel = travel_of(layer, flags);
    if (travels && !layer.exchanged.empty()) {
      fmt::print("  {:<6} {:<6} {:>10.3f}", name_of(travel.scheme), name_of(travel.codec),
                 static_cast<double>(travel.bytes) / kMega);
      bytes += travel.bytes;
    }
    fmt::print("\n");
  }
  fmt::print("{}: {} parameters, {:.1f} Mflop forward, {:.1f} MB of values, gradients and parameters before reuse\n",
             net.name, net.parameters, static_cast<double>(net.forward_flops) / kMega,
             static_cast<double>(net.memory_bytes) / kMega);
  if (travels) {
    fmt::print("{} workers: {:.3f} MB that each sends and receives in an iteration\n", flags.workers,
               static_cast<double>(bytes) / kMega);
  }
}

void describe(const DescribeFlags& flags) {
  const NetFile file = read_net_file(flags.net);
  const Phase phase = flags.phase == "test" ? Phase::kTest : Phase::kTrain;
  NetDescription net = describe_net(file.net, {.phase = phase, .batch = flags.batch, .source = nullptr});
  if (file.solver && file.solver->iter_size > 1) {
    // Factors would be those of one batch, and the gradient is of several.
    for (LayerDescription& layer : net.layers) layer.factor_inputs = layer.factor_outputs = 0;
  }
  if (flags.json) {
    print_json(net, flags);
  } else {
    print_table(net, flags);
  }
}

}  // namespace

int describe_command(int argc, const char* const* argv) {
  DescribeFlags flags;
  bosen::OptionReader reader(kName, "Shows a net's layers, shapes and costs, and how its gradients would travel");
  declare(reader, flags);
  if (bosen::read_flags(reader, argc, argv)) describe(flags);
  return 0;
}

}  // namespace poseidon
