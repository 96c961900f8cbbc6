#pragma once

#include <memory>

#include "bosen/runtime/platform.h"
#include "bosen/sim/compute_model.h"
#include "bosen/sim/sim_job.h"
#include "bosen/sim/sim_network.h"

namespace bosen::sim {

/// A node of the simulated cluster, under the process that runs there.
class SimPlatform final : public runtime::Platform {
 public:
  struct Cluster {
    const SimSpec& spec;
    Scheduler& scheduler;
    SimNetwork& network;
    SimJob& job;
    ComputeModel& compute;
  };

  SimPlatform(const Cluster& cluster, Rank rank) : cluster_(cluster), rank_(rank) {}

  [[nodiscard]] TimeNs now() const override { return cluster_.scheduler.now(); }
  [[nodiscard]] double epoch_s() const override { return 0; }
  [[nodiscard]] bool is_simulated() const override { return true; }
  void rest(TimeNs duration) override { cluster_.scheduler.rest(duration); }
  void expect_end(const Error& /*cause*/) override {}  // virtual time waits for nobody
  void end_begins() override {}
  std::unique_ptr<runtime::Waiter> make_waiter() override;
  void run_side_by_side(int count, const std::function<void(int)>& body) override;
  [[nodiscard]] TimeNs computing_time(WorkerId worker, Clock clock, TimeNs measured) override;
  runtime::Joined join(const runtime::ProcessSpec& spec, runtime::ShapeRegistry& shapes, BufferPool& pool,
                       runtime::JobListener listener) override;
  std::unique_ptr<runtime::NetworkDriver> drive(runtime::Network& network) override;

 private:
  const Cluster cluster_;
  const Rank rank_;
};

}  // namespace bosen::sim
