// poseidon test: what a trained net gets right on the test part of a data set.

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bosen/commands.h"
#include "bosen/error.h"
#include "bosen/say.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/device_choice.h"
#include "poseidon/cli/net_file.h"
#include "poseidon/solver/evaluation.h"
#include "poseidon/solver/snapshot.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

constexpr const char* kName = "poseidon test";

struct TestFlags {
  std::string net;
  std::string weights;
  std::string data;
  std::int64_t batch = 0;
  std::int64_t iterations = 0;
  int threads = 1;
  DeviceChoice device;
  int read_threads = 1;
  bool json = false;
};

void declare(bosen::OptionReader& reader, TestFlags& flags) {
  const auto add = [&](const char* name, bosen::OptionTarget target, const char* help, bosen::OptionRule rule) {
    reader.add("Test", {name, std::move(target), help, std::move(rule)});
  };
  add("net", &flags.net, "the net, or a solver that names it",
      {.value_name = "NET.yaml", .required = true, .positional = true});
  add("weights", &flags.weights, "what training has written: a safetensors file, a snapshot, or a folder of snapshots",
      {.value_name = "PATH", .required = true});
  add("data", &flags.data, "data set made by 'poseidon data'; else the net's data layer names it",
      {.value_name = "DIR"});
  add("batch", &flags.batch, "images of a batch; 0: as the net's data layer says", {.minimum = 0, .maximum = 1e6});
  add("iterations", &flags.iterations, "batches to test with; 0: the whole test part", {.minimum = 0, .maximum = 1e12});
  add("threads", &flags.threads, "threads to compute with", {.minimum = 1, .maximum = 1024});
  add("read-threads", &flags.read_threads, "threads that read ahead", {.minimum = 1, .maximum = 64});
  declare_device(add, flags.device);
  add("json", &flags.json, "print the result as JSON on stdout", {});
}

void test(const TestFlags& flags) {
  const NetFile file = read_net_file(flags.net);
  const WeightsFile weights = find_weights(flags.weights);
  if (!weights.passed_over.empty()) bosen::say(fmt::format("poseidon test: {}\n", weights.passed_over));
  const TensorFile tensors(weights.path);
  const DataFeed feed(file.net, flags.data, /*seed=*/1, {Phase::kTest});
  if (!feed.missing_test_part().empty()) {
    throw bosen::Error(bosen::ErrorKind::kData,
                       feed.missing_test_part() + ": is not there: the data set was made without images to test with");
  }
  if (!feed.has(Phase::kTest)) {
    throw bosen::Error(
        bosen::ErrorKind::kConfiguration,
        fmt::format("{}: has no data layer for phase TEST, so there is nothing to test with", file.net.file));
  }
  const std::unique_ptr<Backend> device = flags.device.make(flags.threads);
  Backend& backend = *device;
  Evaluation evaluation({.spec = file.net,
                         .feed = feed,
                         .batch = flags.batch,
                         .batches = flags.iterations,
                         .read_threads = flags.read_threads},
                        backend, nullptr);
  load_tensors(tensors, parameters_of(evaluation.net().layers()), Match::kTensors, backend);
  const EvaluationSums sums = evaluation.run();
  const auto images = static_cast<double>(sums.images);
  nlohmann::ordered_json json{{"net", evaluation.net().name()},
                              {"weights", weights.path},
                              {"images", evaluation.images()},
                              {"loss", sums.loss / images}};
  const std::string found = weights.path == flags.weights ? "" : weights.path + ": ";  // of those in a folder
  std::string line = fmt::format("{}: {}{} images, loss {:.4f}", kName, found, evaluation.images(), sums.loss / images);
  for (std::size_t i = 0; i < sums.measures.size(); ++i) {
    json[evaluation.names()[i]] = sums.measures[i] / images;
    line += fmt::format(", {} {:.4f}", evaluation.names()[i], sums.measures[i] / images);
  }
  if (flags.json) {
    fmt::print("{}\n", dump_json(json));
  } else {
    fmt::print("{}\n", line);
  }
}

}  // namespace

int test_command(int argc, const char* const* argv) {
  TestFlags flags;
  bosen::OptionReader reader(kName, "Measures what a trained net gets right on the test part of a data set");
  declare(reader, flags);
  if (bosen::read_flags(reader, argc, argv)) test(flags);
  return 0;
}

}  // namespace poseidon
