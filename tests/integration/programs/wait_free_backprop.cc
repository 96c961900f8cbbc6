// VGG19's wait-free backprop without its computing, for which it sleeps: how long an iteration takes over a network
// (tests/bench/priority_network.py). Looks at the beginning of all that arrives.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "bosen/bosen.h"
#include "bosen/runtime/machine_platform.h"
#include "tests/support/trained_layers.h"

namespace {

using bosen::testing::TrainedLayer;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Settings {
  double compute_ms = 75;
  bool one_queue = false;
  int iterations = 10;
};

/// How a layer's gradients travel.
struct Exchange {
  bosen::Table<float> table = {};
  std::vector<bosen::RowId> rows = {};  ///< none: by the channel
  std::vector<float> update = {};
  bosen::Channel channel = {};
  std::vector<std::byte> factors = {};
};

Exchange open(bosen::Cluster& cluster, const TrainedLayer& layer, int number, bool one_queue) {
  const std::string name = std::to_string(number);
  const std::int32_t priority = one_queue ? 0 : -number;
  Exchange exchange;
  if (layer.factor_bytes > 0) {
    exchange.channel = cluster.create_channel(name, {.capacity = 4, .priority = priority});
    exchange.factors.resize(layer.factor_bytes);
    return exchange;
  }
  constexpr std::size_t kRowFloats = (1 << 20) / sizeof(float);
  const auto shards = static_cast<std::size_t>(cluster.shards());
  const std::size_t share = (layer.table_floats + shards - 1) / shards;
  const std::size_t rows = (share + kRowFloats - 1) / kRowFloats;
  exchange.update.resize((share + rows - 1) / rows);
  exchange.rows.resize(rows * shards);
  std::iota(exchange.rows.begin(), exchange.rows.end(), bosen::RowId{0});
  exchange.table = cluster.create_table<float>(name, {.width = static_cast<std::int64_t>(exchange.update.size()),
                                                      .updater = {.name = "clock_sum"},
                                                      .priority = priority});
  return exchange;
}

void start(Exchange& exchange, bosen::Worker& worker) {
  if (!exchange.rows.empty()) {
    exchange.update[0] = static_cast<float>(worker.clock());
    for (const bosen::RowId row : exchange.rows) exchange.table.inc(worker, row, exchange.update);
    return exchange.table.advance(worker);
  }
  exchange.factors[0] = static_cast<std::byte>(worker.clock());
  for (bosen::WorkerId other = 0; other < worker.count(); ++other) {
    if (other != worker.id()) exchange.channel.send(worker, other, worker.clock(), exchange.factors);
  }
}

void check(bool is_right) {
  if (!is_right) throw bosen::Error(bosen::ErrorKind::kData, "what has arrived is not what was sent");
}

void await(const Exchange& exchange, bosen::Worker& worker) {
  const bosen::Clock sent_at = worker.clock() - 1;
  if (!exchange.rows.empty()) {
    const auto sum = static_cast<float>(sent_at * worker.count());
    for (const bosen::RowView<float>& row : exchange.table.get(worker, exchange.rows)) check(row[0] == sum);
    return;
  }
  for (bosen::WorkerId other = 0; other < worker.count(); ++other) {
    if (other == worker.id()) continue;
    const bosen::ChannelMessage message = exchange.channel.receive(worker, sent_at, other);
    check(message.bytes.size() == exchange.factors.size() && message.bytes[0] == static_cast<std::byte>(sent_at));
  }
}

/// Sleeps, and makes up for having slept too long.
class Computing {
 public:
  void take(double ms) {
    due_ms_ += ms;
    if (due_ms_ < 0.5) return;
    const Clock::time_point begin = Clock::now();
    platform_.rest(static_cast<bosen::core::TimeNs>(due_ms_ * 1e6));
    due_ms_ -= Milliseconds(Clock::now() - begin).count();
  }

 private:
  bosen::runtime::MachinePlatform platform_;
  double due_ms_ = 0;
};

void train(const std::vector<TrainedLayer>& layers, std::vector<Exchange> exchanges, int iterations,
           bosen::Worker& worker) {
  constexpr int kWarmUp = 3;
  Computing computing;
  Clock::time_point begin;
  double first_wait_ms = 0;
  for (int iteration = 0; iteration < kWarmUp + iterations + 1; ++iteration) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Clock::time_point wait = Clock::now();
      if (iteration > 0) await(exchanges[i], worker);
      if (i == 0 && iteration > kWarmUp) first_wait_ms += Milliseconds(Clock::now() - wait).count();
      computing.take(layers[i].forward_ms);
    }
    if (iteration == kWarmUp) begin = Clock::now();
    if (iteration == kWarmUp + iterations) break;
    for (std::size_t i = layers.size(); i-- > 0;) {
      computing.take(layers[i].backward_ms);
      start(exchanges[i], worker);
    }
    worker.advance();
  }
  if (worker.id() != 0) return;
  std::printf("%.1f ms an iteration, of which the first layer waits %.1f\n",
              Milliseconds(Clock::now() - begin).count() / iterations, first_wait_ms / iterations);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  bosen::App app("wait_free_backprop", "VGG19's exchange of gradients, with sleep for computing");
  app.option("compute-ms", &settings.compute_ms, "of an iteration", {.minimum = 0, .maximum = 1e5})
      .option("one-queue", &settings.one_queue, "give all layers the same priority")
      .option("iterations", &settings.iterations, "to measure, after some", {.minimum = 1, .maximum = 10'000});
  app.defaults().consistency = bosen::Consistency::kBsp;
  return app.run(argc, argv, [&](bosen::Cluster& cluster) {
    const std::vector<TrainedLayer> layers = bosen::testing::vgg19(settings.compute_ms);
    std::vector<Exchange> exchanges;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      exchanges.push_back(open(cluster, layers[i], static_cast<int>(i), settings.one_queue));
    }
    cluster.run_workers([&](bosen::Worker& worker) { train(layers, exchanges, settings.iterations, worker); });
  });
}
