#pragma once

// Wait-free backprop on a simulated cluster: nodes compute layer by layer in virtual time, hand over each layer's
// gradients right after its backward and wait for everybody's before its next forward, as poseidon does.

#include <fmt/format.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"
#include "bosen/sim/sim_cluster.h"
#include "tests/support/trained_layers.h"

namespace bosen::testing {

class SimulatedTraining {
 public:
  struct Options {
    int nodes = 4;
    double gigabits_per_s = 10;
    bool prioritised = true;  ///< lower layers go first; else all wait in one queue
    int iterations = 6;
  };

  SimulatedTraining(std::vector<TrainedLayer> layers, const Options& options)
      : layers_(std::move(layers)), options_(options) {}

  /// How long the last iteration takes, from the end of one forward to the next, in milliseconds.
  double run() {
    sim::SimSpec spec;
    spec.nodes = options_.nodes;
    spec.network.path = {.bytes_per_s = options_.gigabits_per_s * 125e6, .latency = 50'000};
    spec.network.frame_ns = 10'000;
    spec.network.byte_ns = 0.1;
    spec.compute.mean_ns = 0;
    sim::run_cluster(spec, [this](Rank rank, runtime::Platform& platform) {
      runtime::ProcessSpec process_spec;
      process_spec.options.consistency = Consistency::kBsp;
      process_spec.job.rank = rank;
      process_spec.job.size = options_.nodes;
      runtime::Process process(std::move(process_spec), platform);
      Node node{platform, {}};
      for (std::size_t i = 0; i < layers_.size(); ++i) node.exchanges.push_back(open(process, i));
      process.run_workers([&](runtime::WorkerContext& worker) { train(node, worker); });
      process.leave();
    });
    return static_cast<double>(forward_ends_.end()[-1] - forward_ends_.end()[-2]) / 1e6;
  }

 private:
  struct Exchange {
    runtime::TableHandle* table = nullptr;
    std::vector<RowId> rows = {};
    std::vector<float> update = {};  ///< of a row
    runtime::ChannelHandle* channel = nullptr;
    std::vector<std::byte> factors = {};
  };
  struct Node {
    runtime::Platform& platform;
    std::vector<Exchange> exchanges;
  };

  [[nodiscard]] Exchange open(runtime::Process& process, std::size_t number) const {
    const TrainedLayer& layer = layers_[number];
    const auto priority = options_.prioritised ? -static_cast<std::int32_t>(number) : 0;
    Exchange exchange;
    if (layer.factor_bytes > 0) {
      exchange.channel = &process.create_channel(fmt::format("{}", number), {.capacity = 4, .priority = priority});
      exchange.factors.resize(layer.factor_bytes);
      return exchange;
    }
    const auto nodes = static_cast<std::size_t>(options_.nodes);
    const std::size_t share = (layer.table_floats + nodes - 1) / nodes;  // of a shard
    const std::size_t rows = (share * sizeof(float) + limits::kBlockBytes - 1) / limits::kBlockBytes;
    const wire::RowShape shape{.kind = RowKind::kDense,
                               .element = ElementType::kFloat,
                               .width = static_cast<std::int64_t>((share + rows - 1) / rows)};
    exchange.table =
        &process.create_table(fmt::format("{}", number), shape,
                              {.width = shape.width, .updater = {.name = "clock_sum"}, .priority = priority});
    exchange.rows.resize(rows * nodes);
    std::iota(exchange.rows.begin(), exchange.rows.end(), RowId{0});
    exchange.update.resize(static_cast<std::size_t>(shape.width));
    return exchange;
  }

  void train(Node& node, runtime::WorkerContext& worker) {
    const auto rest = [&](double ms) { node.platform.rest(static_cast<core::TimeNs>(ms * 1e6)); };
    for (int iteration = 0; iteration < options_.iterations; ++iteration) {
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (iteration > 0) await(node.exchanges[i], worker, iteration - 1);
        rest(layers_[i].forward_ms);
      }
      if (worker.id() == 0) forward_ends_.push_back(node.platform.now());
      for (std::size_t i = layers_.size(); i-- > 0;) {
        rest(layers_[i].backward_ms);
        start(node.exchanges[i], worker, iteration);
      }
      worker.advance();
    }
  }

  static void start(const Exchange& exchange, runtime::WorkerContext& worker, int iteration) {
    if (exchange.table != nullptr) {
      const auto* const bytes = reinterpret_cast<const std::byte*>(exchange.update.data());
      for (const RowId row : exchange.rows) exchange.table->inc_row(worker, row, bytes, exchange.update.size());
      exchange.table->advance(worker);
      return;
    }
    for (WorkerId other = 0; other < worker.count(); ++other) {
      if (other != worker.id()) exchange.channel->send(worker, other, iteration, exchange.factors);
    }
  }

  static void await(const Exchange& exchange, runtime::WorkerContext& worker, int iteration) {
    if (exchange.table != nullptr) {
      exchange.table->get(worker, exchange.rows);
      return;
    }
    for (WorkerId other = 0; other < worker.count(); ++other) {
      if (other != worker.id()) exchange.channel->receive(worker, iteration, other);
    }
  }

  const std::vector<TrainedLayer> layers_;
  const Options options_;
  std::vector<core::TimeNs> forward_ends_;  ///< of worker 0
};

}  // namespace bosen::testing
