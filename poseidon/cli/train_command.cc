// poseidon train: reads flags, trains, says what was written and what it cost.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "bosen/bosen.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/device_choice.h"
#include "poseidon/solver/training.h"
#include "poseidon/spec/json.h"
#include "poseidon/sync/coded_sum.h"

namespace poseidon {
namespace {

constexpr const char* kName = "poseidon train";
constexpr double kMegabyte = 1e6;

void declare(bosen::App& app, TrainSettings& settings, DeviceChoice& device) {
  app.defaults().consistency = bosen::Consistency::kBsp;
  app.defaults().seed = 0;
  declare_device([&app](const char* name, bosen::OptionTarget target, const char* help,
                        bosen::OptionRule rule) { app.option(name, std::move(target), help, std::move(rule)); },
                 device);
  app.option("solver", &settings.solver, "how to train, as in config/solvers",
             {.value_name = "SOLVER.yaml", .required = true, .positional = true})
      .option("data", &settings.data,
              "data set made by 'poseidon data', or 'synthetic' for random images; else the net's data layer names it",
              {.value_name = "DIR"})
      .option("batch", &settings.batch, "images of a worker's batch; 0: as the net's data layer says",
              {.minimum = 0, .maximum = 1e6})
      .option("resume", &settings.resume, "go on from this snapshot, or the newest complete one in this folder",
              {.value_name = "PATH"})
      .option("weights", &settings.weights, "begin with these weights (safetensors file or snapshot)",
              {.value_name = "FILE"})
      .option("fine-tune", &settings.fine_tune,
              "take from --weights what fits by name; tensors that are missing there begin by their fillers")
      .option(
          "scheme", [&settings](const std::string& text) { settings.scheme = scheme_named(text); },
          "how gradients travel: through tables, as sufficient factors, or as measured to be faster, layer by layer",
          {.choices = {"ps", "sfb", "auto"}, .default_text = "auto"})
      .option("codec", [&settings](const std::string& text) { settings.codec = codec_named(text); },
              "as what gradients travel between processes under bsp: floats, bfloat16, or so many bits each (factors "
              "at least "
              "bfloat16); what that loses is added to the next ones",
              {.choices = {"fp32", "bf16", "4bit", "1bit"}, .default_text = "fp32"})
      .option("no-overlap", &settings.no_overlap, "send gradients after the whole backward pass only")
      .option("on-nonfinite",
              [&settings](const std::string& text) { settings.on_nonfinite = nonfinite_policy_named(text); },
              "where a loss or gradient is not finite: end, skip the iteration, or count such elements as zero",
              {.choices = {"stop", "skip", "clip"}, .default_text = "stop"})
      .option("read-threads", &settings.read_threads, "threads that read ahead, for each worker",
              {.minimum = 1, .maximum = 64})
      .option("trace", &settings.trace, "write what each layer did when, for chrome://tracing or ui.perfetto.dev",
              {.value_name = "FILE.json"})
      .check([&settings](const bosen::Options&) {
        if (!settings.resume.empty() && !settings.weights.empty()) {
          throw bosen::Error(bosen::ErrorKind::kUsage,
                             "--resume and --weights exclude each other: a snapshot has weights of its own");
        }
        if (settings.fine_tune && settings.weights.empty()) {
          throw bosen::Error(bosen::ErrorKind::kUsage, "--fine-tune needs --weights FILE");
        }
      });
}

std::string layer_table(const TrainingResult& result) {
  std::string text = fmt::format("{}: megabytes an iteration that this process sends and receives\n", kName);
  text += fmt::format("  {:<28}{:<8}{:<6}{:>12}{:>12}{:>12}\n", "layer", "scheme", "codec", "predicted", "measured",
                      "framing");
  double predicted = 0;
  double measured = 0;
  double framing = 0;
  for (const LayerTraffic& layer : result.layers) {
    text += fmt::format("  {:<28}{:<8}{:<6}{:>12.4f}{:>12.4f}{:>12.4f}\n", layer.layer, name_of(layer.scheme),
                        name_of(layer.codec), layer.predicted_bytes / kMegabyte, layer.measured_bytes / kMegabyte,
                        layer.framing_bytes / kMegabyte);
    predicted += layer.predicted_bytes;
    measured += layer.measured_bytes;
    framing += layer.framing_bytes;
  }
  return text + fmt::format("  {:<42}{:>12.4f}{:>12.4f}{:>12.4f}\n", "all", predicted / kMegabyte, measured / kMegabyte,
                            framing / kMegabyte);
}

/// What layers cost, for programs to read. Returns whether it is written.
bool write_layers(const TrainingResult& result, const std::string& path) {
  nlohmann::ordered_json json{{"iterations", result.iterations}, {"layers", nlohmann::ordered_json::array()}};
  for (const LayerTraffic& layer : result.layers) {
    json["layers"].push_back({{"layer", layer.layer},
                              {"scheme", name_of(layer.scheme)},
                              {"codec", name_of(layer.codec)},
                              {"predicted_bytes", layer.predicted_bytes},
                              {"measured_bytes", layer.measured_bytes},
                              {"framing_bytes", layer.framing_bytes}});
  }
  std::ofstream file(path);
  file << dump_json(json, 2) << "\n";
  file.close();
  return !file.fail();
}

std::string next_step(const TrainingResult& result, const bosen::Options& options, const TrainSettings& settings) {
  if (!result.snapshot.empty()) {
    const std::string data = settings.data.empty() ? "" : " --data " + bosen::shell_word(settings.data);
    return fmt::format("{}: next, test them: poseidon test {} --weights {}{}\n", kName, bosen::shell_word(result.net),
                       bosen::shell_word(result.snapshot), data);
  }
  if (result.keeps_last && !options.output.empty()) return "";  // nothing was left to train
  const char* const how = result.keeps_last ? "add --output results" : "set snapshot_after_train in the solver's file";
  return fmt::format("{}: next, keep the weights: {}\n", kName, how);
}

/// How a training ended, for the user.
struct Conclusion {
  std::string text;
  std::string lost;  ///< lines: files beside the result that were asked for and can't be written
};

/// Rank 0's, which has the results.
void conclude(const TrainingResult& result, const bosen::Cluster& cluster, const TrainSettings& settings,
              Conclusion& conclusion) {
  const bosen::Options& options = cluster.options();
  std::string& text = conclusion.text;
  const bool travelled = std::ranges::any_of(result.layers, [](const auto& layer) { return layer.measured_bytes > 0; });
  if (travelled) text += layer_table(result);
  text += fmt::format("{}: {:.0f} images/s\n", kName, result.images_per_second);
  if (!options.output.empty()) {
    const std::string path = options.output + "/layers.json";
    if (write_layers(result, path)) {
      text += fmt::format("{}: wrote {} (schemes and bytes)\n", kName, path);
    } else {
      conclusion.lost += fmt::format("{}: cannot write {} (schemes and bytes); training is complete\n", kName, path);
    }
  }
  if (!result.trace.empty()) {
    const std::string how_far =
        result.trace_full_in ? fmt::format(", which was full in iteration {} and ends there", *result.trace_full_in)
                             : "";
    text += fmt::format("{}: wrote {} (timeline{})\n", kName, result.trace, how_far);
  }
  if (!result.snapshot.empty()) text += fmt::format("{}: wrote {} (snapshot)\n", kName, result.snapshot);
  text += next_step(result, options, settings);
  if (result.skipped_last <= 1) return;  // that one was met on the way
  text += fmt::format(
      "{}: the last {} iterations changed nothing, as their gradients were not finite, so training had come to an end "
      "before: take a smaller base_lr or clip_gradients\n",
      kName, result.skipped_last);
}

}  // namespace

int train_command(int argc, const char* const* argv) {
  TrainSettings settings;
  bosen::App app(kName, "Trains a net as a solver's file says");
  DeviceChoice device;
  declare(app, settings, device);
  add_coded_sums(app);
  Conclusion conclusion;
  const int code = app.run(argc, argv, [&](bosen::Cluster& cluster) {
    const std::unique_ptr<BackendFactory> backends = make_backend_factory(device, cluster);
    const TrainingResult result = train(cluster, settings, *backends);
    if (cluster.rank() == 0) conclude(result, cluster, settings, conclusion);
    if (result.lost_trace.empty()) return;
    conclusion.lost +=
        fmt::format("{}: {}; training is complete, --trace has no timeline of it\n", kName, result.lost_trace);
  });
  if (code != 0) return code;
  bosen::say(conclusion.text + conclusion.lost);
  return conclusion.lost.empty() ? 0 : bosen::exit_code(bosen::ErrorKind::kStorage);
}

}  // namespace poseidon
