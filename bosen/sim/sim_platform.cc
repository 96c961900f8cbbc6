#include "bosen/sim/sim_platform.h"

#include <algorithm>
#include <utility>

namespace bosen::sim {
namespace {

/// The network gets what arrives at its node as long as this lives.
class SimDriver final : public runtime::NetworkDriver {
 public:
  SimDriver(SimNetwork& simulated, runtime::Network& network) : simulated_(simulated), rank_(network.rank()) {
    simulated_.attach(rank_, &network);
  }
  ~SimDriver() override { simulated_.attach(rank_, nullptr); }
  SimDriver(const SimDriver&) = delete;
  SimDriver& operator=(const SimDriver&) = delete;

 private:
  SimNetwork& simulated_;
  const Rank rank_;
};

}  // namespace

std::unique_ptr<runtime::Waiter> SimPlatform::make_waiter() {
  return std::make_unique<FibreWaiter>(cluster_.scheduler);
}

void SimPlatform::run_side_by_side(int count, const std::function<void(int)>& body) {
  FibreWaiter ended(cluster_.scheduler);
  int running = count;
  for (int i = 0; i < count; ++i) {
    cluster_.scheduler.spawn(rank_, [&, i] {
      body(i);
      --running;
      ended.wake_all();
    });
  }
  while (running > 0) ended.wait(ended.ticket(), 0);
}

TimeNs SimPlatform::computing_time(WorkerId worker, Clock clock, TimeNs /*measured*/) {
  return cluster_.compute.time(rank_, worker, clock, now());
}

runtime::Joined SimPlatform::join(const runtime::ProcessSpec& /*spec*/, runtime::ShapeRegistry& /*shapes*/,
                                  BufferPool& /*pool*/, runtime::JobListener listener) {
  const SimSpec& spec = cluster_.spec;
  runtime::Joined joined;
  joined.job = 1;
  joined.members.rank = rank_;
  joined.members.workers.assign(static_cast<std::size_t>(spec.nodes), spec.workers);
  for (Rank rank = spec.servers > 0 ? spec.nodes : 0; rank < spec.processes(); ++rank) {
    joined.members.rank_of_shard.insert(joined.members.rank_of_shard.end(),
                                        static_cast<std::size_t>(std::max(1, spec.shards)), rank);
  }
  joined.transport = cluster_.network.make_transport(rank_);
  joined.participation = cluster_.job.join(rank_, std::move(listener.on_failure));
  return joined;
}

std::unique_ptr<runtime::NetworkDriver> SimPlatform::drive(runtime::Network& network) {
  return std::make_unique<SimDriver>(cluster_.network, network);
}

}  // namespace bosen::sim
