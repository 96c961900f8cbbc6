#include "bosen/sim/sim_cluster.h"

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/sim/sim_platform.h"

namespace bosen::sim {
namespace {

[[noreturn]] void refuse(const std::string& problem, const Scheduler& scheduler) {
  throw Error(ErrorKind::kTimeout,
              "the simulation ends at " + std::to_string(static_cast<double>(scheduler.now()) / 1e9) + " s: " +
                  problem + " (workers and processes that wait: " + std::to_string(scheduler.waiting_tasks()) + ")");
}

ErrorKind kind_of(const std::exception& error) {
  const auto* const known = dynamic_cast<const Error*>(&error);
  return known == nullptr ? ErrorKind::kConfiguration : known->kind();
}

}  // namespace

SimResult run_cluster(const SimSpec& spec, const NodeMain& main) {
  std::exception_ptr failure;
  int ended_well = 0;
  SimResult result;
  {
    // In this order: when the run ends early, the scheduler unwinds its tasks first, and they use all the others.
    std::unique_ptr<SimNetwork> network;
    std::unique_ptr<SimJob> job;
    ComputeModel compute(spec);
    std::vector<std::unique_ptr<SimPlatform>> platforms;
    Scheduler scheduler;
    network = std::make_unique<SimNetwork>(scheduler, spec);
    job = std::make_unique<SimJob>(scheduler, *network, spec);
    const SimPlatform::Cluster cluster{spec, scheduler, *network, *job, compute};
    for (Rank rank = 0; rank < spec.processes(); ++rank) {
      platforms.push_back(std::make_unique<SimPlatform>(cluster, rank));
      scheduler.spawn(rank, [&, rank] {
        try {
          main(rank, *platforms[static_cast<std::size_t>(rank)]);
          ++ended_well;
        } catch (const std::exception& error) {
          if (!failure) failure = std::current_exception();
          job->abort(rank, Error(kind_of(error), error.what()));  // where it has not joined, nobody else would
        }
      });
    }
    const Scheduler::End end = scheduler.run(spec.time_limit);
    if (!failure && end == Scheduler::End::kStuck) refuse("nothing is under way that anybody waits for", scheduler);
    if (!failure && end == Scheduler::End::kTimeLimit) refuse("time_limit_s has passed", scheduler);
    if (!failure && ended_well == 0) refuse("all nodes have crashed", scheduler);
    result = {.time = scheduler.now(),
              .frames = network->counts().frames,
              .bytes = network->counts().bytes,
              .lost = network->counts().lost};
  }
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace bosen::sim
