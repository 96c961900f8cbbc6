#include "poseidon/sync/sync_plan.h"

#include <utility>

#include "bosen/error.h"

namespace poseidon {

SyncPlan::SyncPlan(bosen::Cluster& cluster, std::vector<SyncLayer> layers, Scheme wanted)
    : exchanges_gradients_(cluster.options().consistency == bosen::Consistency::kBsp), workers_(cluster.workers()) {
  if (wanted == Scheme::kSfb && !exchanges_gradients_) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       "--scheme sfb needs --consistency bsp, as factors are put together in step: take --scheme ps");
  }
  const Party party{.processes = cluster.size(),
                    .workers_per_process = cluster.local_workers(),
                    .dedicated_servers = cluster.options().servers > 0};
  if (party.workers() != workers_) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       "training needs as many --workers in every process, so that all see as many examples");
  }
  if (!exchanges_gradients_ && wanted == Scheme::kAuto) wanted = Scheme::kPs;
  for (SyncLayer& layer : layers) {
    PlannedLayer planned;
    planned.layer = std::move(layer);
    planned.scheme = choose(wanted, planned.layer.size, party);
    planned.predicted_bytes = predicted_bytes(planned.scheme, planned.layer.size, party);
    open(cluster, planned);
    layers_.push_back(std::move(planned));
  }
}

void SyncPlan::open(bosen::Cluster& cluster, PlannedLayer& planned) const {
  if (planned.scheme == Scheme::kPs) {
    planned.rows.emplace(planned.layer.sizes, cluster.shards(), planned.layer.layer);
    bosen::TableOptions options{.width = planned.rows->width()};
    if (exchanges_gradients_) options.updater = {.name = "clock_sum"};
    planned.table = cluster.create_table<float>(planned.layer.name, options);
  } else if (planned.scheme == Scheme::kSfb) {
    // A worker may be an iteration ahead of one that has not received yet.
    planned.channel = cluster.create_channel(planned.layer.name, {.capacity = 4});
  }
}

}  // namespace poseidon
