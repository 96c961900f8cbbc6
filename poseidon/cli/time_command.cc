// poseidon time: how long forward, backward and update take on this machine, layer by layer, on synthetic images.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bosen/commands.h"
#include "bosen/counted.h"
#include "bosen/error.h"
#include "poseidon/cli/command.h"
#include "poseidon/cli/device_choice.h"
#include "poseidon/cli/net_file.h"
#include "poseidon/net.h"
#include "poseidon/solver/data_feed.h"
#include "poseidon/solver/parameter_updater.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

constexpr const char* kName = "poseidon time";
constexpr double kMillisecond = 1e-3;
constexpr double kNanosecond = 1e-9;
/// What a net is trained with where no solver is given: SGD with momentum, so slow that random labels do no harm.
constexpr double kRate = 1e-3;
constexpr double kMomentum = 0.9;
constexpr double kDecay = 5e-4;
/// Looks at gradients as training does, and goes on whatever they are.
constexpr NonfinitePolicy kPolicy = NonfinitePolicy::kSkip;

struct TimeFlags {
  std::string net;
  std::int64_t iterations = 20;
  std::int64_t batch = 0;
  int threads = 1;
  DeviceChoice device;
  bool json = false;
};

void declare(bosen::OptionReader& reader, TimeFlags& flags) {
  const auto add = [&](const char* name, bosen::OptionTarget target, const char* help, bosen::OptionRule rule) {
    reader.add("Time", {name, std::move(target), help, std::move(rule)});
  };
  add("net", &flags.net, "the net, or a solver that names it",
      {.value_name = "NET.yaml", .required = true, .positional = true});
  add("iterations", &flags.iterations, "iterations to take the mean of, after a fifth as many to warm up",
      {.minimum = 1, .maximum = 1e9});
  add("batch", &flags.batch, "images of a batch; 0: as the net's data layer says", {.minimum = 0, .maximum = 1e6});
  add("threads", &flags.threads, "threads to compute with", {.minimum = 1, .maximum = 1024});
  declare_device(add, flags.device);
  add("json", &flags.json, "print the result as JSON on stdout", {});
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Adds up what each layer takes on the device, which is not stopped for it.
class LayerClock final : public NetObserver {
 public:
  LayerClock(std::size_t layers, Backend& backend)
      : stopwatch_(backend.stopwatch()), forward_s_(layers), backward_s_(layers) {}

  void before_forward(int /*layer*/) override { stopwatch_->mark(); }
  void after_forward(int layer) override { end(forward_s_, layer); }
  void before_backward(int /*layer*/) override { stopwatch_->mark(); }
  void after_backward(int layer) override { end(backward_s_, layer); }

  /// Waits for the device.
  void finish() {
    const std::vector<std::int64_t> moments_ns = stopwatch_->take_all_ns();
    for (std::size_t i = 0; i < ended_.size(); ++i) {
      *ended_[i] += static_cast<double>(moments_ns[2 * i + 1] - moments_ns[2 * i]) * kNanosecond;
    }
    ended_.clear();
  }

  [[nodiscard]] const std::vector<double>& forward_s() const { return forward_s_; }
  [[nodiscard]] const std::vector<double>& backward_s() const { return backward_s_; }

 private:
  void end(std::vector<double>& seconds, int layer) {
    stopwatch_->mark();
    ended_.push_back(&seconds[static_cast<std::size_t>(layer)]);
  }

  std::unique_ptr<Stopwatch> stopwatch_;
  std::vector<double*> ended_;  ///< what the marks since the last `finish`, two by two, add to
  std::vector<double> forward_s_, backward_s_;
};

/// Seconds of the parts of all iterations.
struct Seconds {
  double forward = 0, backward = 0, update = 0;
};

/// A net that is trained.
class Subject {
 public:
  Subject(Net& net, Backend& backend, const ParameterUpdater::Options& options)
      : net_(net), backend_(backend), updater_(net.layers(), backend, options) {
    for (int layer = 0; layer < static_cast<int>(net.layers().size()); ++layer) {
      if (updater_.learns(layer)) learned_.push_back(layer);
    }
  }

  /// Waits for the device where training does, and at the end.
  [[nodiscard]] double seconds_of(std::int64_t iterations) {
    const double begin = now_s();
    for (std::int64_t i = 0; i < iterations; ++i) {
      net_.begin_forward();
      net_.backward();
      static_cast<void>(net_.loss());
      update();
    }
    backend_.synchronize();
    return now_s() - begin;
  }

  /// One iteration that waits for the device between its parts.
  void iterate(NetObserver* observer, Seconds& seconds) {
    const double begin = now_s();
    net_.begin_forward(observer);
    backend_.synchronize();
    const double middle = now_s();
    net_.backward(observer);
    backend_.synchronize();
    const double end = now_s();
    update();
    backend_.synchronize();
    seconds.forward += middle - begin;
    seconds.backward += end - middle;
    seconds.update += now_s() - end;
  }

 private:
  void update() {
    updater_.gradients_ready(learned_);
    for (const int layer : learned_) updater_.check(layer);
    updater_.update(learned_, 1);
    updater_.end_iteration();
  }

  Net& net_;
  Backend& backend_;
  ParameterUpdater updater_;
  std::vector<int> learned_;
};

ParameterUpdater::Options updater_options(const NetFile& file) {
  if (!file.solver) {
    return {.rule = {.kind = UpdateRule::Kind::kSgd, .momentum = kMomentum},
            .rate = {.base = kRate},
            .weight_decay = kDecay,
            .on_nonfinite = kPolicy};
  }
  return {.rule = file.solver->rule,
          .rate = file.solver->rate,
          .weight_decay = file.solver->weight_decay,
          .on_nonfinite = kPolicy};
}

struct Result {
  const TimeFlags& flags;
  std::string device;
  Net& net;
  std::int64_t batch;
  std::size_t memory_bytes;  ///< of the device at its peak; 0: it has none of its own
  double all_s;              ///< of all iterations
  Seconds parts;             ///< of `observed` iterations, as the layers' times
  LayerClock layers;
  std::int64_t observed = 1;

  [[nodiscard]] double images_per_second() const { return static_cast<double>(batch * flags.iterations) / all_s; }
  [[nodiscard]] double iteration_ms() const { return all_s / kMillisecond / static_cast<double>(flags.iterations); }
  [[nodiscard]] double ms(double observed_s) const { return observed_s / kMillisecond / static_cast<double>(observed); }
};

void print_json(const Result& result) {
  nlohmann::ordered_json json{{"net", result.net.name()},
                              {"batch", result.batch},
                              {"device", result.device},
                              {"precision", result.flags.device.precision},
                              {"threads", result.flags.threads},
                              {"iterations", result.flags.iterations},
                              {"images_per_second", result.images_per_second()},
                              {"iteration_ms", result.iteration_ms()},
                              {"forward_ms", result.ms(result.parts.forward)},
                              {"backward_ms", result.ms(result.parts.backward)},
                              {"update_ms", result.ms(result.parts.update)},
                              {"device_memory_bytes", result.memory_bytes},
                              {"layers", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < result.net.layers().size(); ++i) {
    json["layers"].push_back({{"layer", result.net.layers()[i]->name()},
                              {"forward_ms", result.ms(result.layers.forward_s()[i])},
                              {"backward_ms", result.ms(result.layers.backward_s()[i])}});
  }
  fmt::print("{}\n", dump_json(json));
}

void print_table(const Result& result) {
  fmt::print("{:<32}{:>12}{:>12}\n", "layer", "forward ms", "backward ms");
  for (std::size_t i = 0; i < result.net.layers().size(); ++i) {
    fmt::print("{:<32}{:>12.3f}{:>12.3f}\n", result.net.layers()[i]->name(), result.ms(result.layers.forward_s()[i]),
               result.ms(result.layers.backward_s()[i]));
  }
  fmt::print("{:<32}{:>12.3f}{:>12.3f}   update {:.3f} ms\n", "all", result.ms(result.parts.forward),
             result.ms(result.parts.backward), result.ms(result.parts.update));
  fmt::print("{}: {} of {}, {}: {:.3f} ms an iteration, {:.1f} images/s\n", kName,
             bosen::counted(result.flags.iterations, "iteration"), bosen::counted(result.batch, "image"),
             bosen::counted(result.flags.threads, "thread"), result.iteration_ms(), result.images_per_second());
  if (result.memory_bytes > 0) {
    fmt::print("{}: {} MB of {}'s memory at the peak\n", kName, result.memory_bytes / 1'000'000, result.device);
  }
}

void time(const TimeFlags& flags) {
  const NetFile file = read_net_file(flags.net);
  const DataFeed feed(file.net, "synthetic", /*seed=*/1, {Phase::kTrain});
  if (!feed.has(Phase::kTrain)) {
    throw bosen::Error(
        bosen::ErrorKind::kConfiguration,
        fmt::format("{}: has no data layer for phase TRAIN, so there is nothing to time", file.net.file));
  }
  const std::int64_t batch = flags.batch > 0 ? flags.batch : feed.batch(Phase::kTrain);
  const std::unique_ptr<Backend> device = flags.device.make(flags.threads);
  Backend& backend = *device;
  const std::unique_ptr<BatchSource> source = feed.open(Phase::kTrain, {.batch = batch});
  Net net(file.net, {.phase = Phase::kTrain, .batch = batch}, backend, source.get());
  Subject subject(net, backend, updater_options(file));
  const std::int64_t fifth = (flags.iterations + 4) / 5;
  Result result{.flags = flags,
                .device = backend.name(),
                .net = net,
                .batch = batch,
                .memory_bytes = 0,
                .all_s = 0,
                .parts = {},
                .layers = LayerClock(net.layers().size(), backend),
                .observed = fifth};
  static_cast<void>(subject.seconds_of(fifth));  // to warm up
  result.all_s = subject.seconds_of(flags.iterations);
  Seconds ignored;
  for (std::int64_t i = 0; i < fifth; ++i) subject.iterate(nullptr, result.parts);
  for (std::int64_t i = 0; i < fifth; ++i) {
    subject.iterate(&result.layers, ignored);
    result.layers.finish();
  }
  result.memory_bytes = backend.peak_memory_bytes();
  if (flags.json) {
    print_json(result);
  } else {
    print_table(result);
  }
}

}  // namespace

int time_command(int argc, const char* const* argv) {
  TimeFlags flags;
  bosen::OptionReader reader(kName, "Measures how long a net takes on this machine, on synthetic images");
  declare(reader, flags);
  if (bosen::read_flags(reader, argc, argv)) time(flags);
  return 0;
}

}  // namespace poseidon
