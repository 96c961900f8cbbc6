#include "poseidon/sync/sync_plan.h"

#include <algorithm>
#include <utility>

#include "bosen/error.h"
#include "poseidon/sync/coded_sum.h"

namespace poseidon {

namespace {

Party party_of(const bosen::Cluster& cluster) {
  return {.processes = cluster.size(),
          .workers_per_process = cluster.local_workers(),
          .dedicated_servers = cluster.options().servers > 0,
          .adds_up = cluster.options().consistency == bosen::Consistency::kBsp};
}

/// Of a layer that has `scheme`, where what is cheaper is to be found out.
std::optional<Scheme> other_scheme(Scheme scheme, const LayerSize& size, const Party& party) {
  if (party.processes == 1 || !sfb_bytes(size, party)) return std::nullopt;
  return scheme == Scheme::kSfb ? Scheme::kPs : Scheme::kSfb;
}

}  // namespace

SyncPlan::SyncPlan(bosen::Cluster& cluster, std::vector<SyncLayer> layers, const Wanted& wanted)
    : SyncPlan(cluster, std::move(layers), wanted, party_of(cluster)) {}

SyncPlan::SyncPlan(bosen::Cluster& cluster, std::vector<SyncLayer> layers, const Wanted& wanted, const Party& party)
    : wanted_(wanted), party_(party), exchanges_gradients_(cluster.options().consistency == bosen::Consistency::kBsp) {
  check(cluster);
  for (SyncLayer& layer : layers) {
    PlannedLayer planned;
    planned.layer = std::move(layer);
    planned.layer.size.codec = codec_for(wanted.codec, planned.layer.size.parameters, party);
    choose_for(planned);
    open(cluster, planned, planned.scheme);
    if (planned.other) open(cluster, planned, *planned.other);
    layers_.push_back(std::move(planned));
  }
  if (may_change()) tuning_ = cluster.create_channel("poseidon.tuning");
}

void SyncPlan::check(const bosen::Cluster& cluster) const {
  const auto refuse = [](const std::string& message) { throw bosen::Error(bosen::ErrorKind::kUsage, message); };
  if (wanted_.scheme == Scheme::kSfb && !exchanges_gradients_) {
    refuse("--scheme sfb needs --consistency bsp, as factors are put together in step: take --scheme ps");
  }
  if (wanted_.codec != Codec::kFp32 && !exchanges_gradients_) {
    refuse("--codec " + std::string(name_of(wanted_.codec)) +
           " needs --consistency bsp, as it is gradients that it encodes, and with staleness parameters travel: leave "
           "--codec out");
  }
  if (party_.workers() != cluster.workers()) {
    refuse("training needs as many --workers in every process, so that all see as many examples");
  }
}

void SyncPlan::choose_for(PlannedLayer& planned) const {
  // With staleness there are no gradients to send factors of.
  const Scheme wanted = exchanges_gradients_ || wanted_.scheme != Scheme::kAuto ? wanted_.scheme : Scheme::kPs;
  planned.scheme = choose(wanted, planned.layer.size, party_);
  if (wanted != Scheme::kAuto) return;
  planned.other = other_scheme(planned.scheme, planned.layer.size, party_);
  const SettledSchemes& settled = wanted_.settled;
  const auto found = settled.layers.find(planned.layer.name);
  const bool is_for_us =
      settled.processes == party_.processes && settled.workers == party_.workers() && settled.codec == wanted_.codec;
  if (!planned.other || !is_for_us || found == settled.layers.end()) return;
  planned.scheme = found->second;
  planned.other.reset();
  planned.is_settled = true;
}

bool SyncPlan::may_change() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const PlannedLayer& layer) { return layer.other.has_value(); });
}

std::int64_t SyncPlan::bytes(const PlannedLayer& planned, Scheme scheme) const {
  return predicted_bytes(scheme, planned.layer.size, party_);
}

void SyncPlan::open(bosen::Cluster& cluster, PlannedLayer& planned, Scheme scheme) const {
  // The next forward needs the first layers first. Where nobody waits for anybody, the last would never have their
  // turn.
  const bool bounded = cluster.options().consistency != bosen::Consistency::kAsp;
  const int priority = bounded ? -planned.layer.layer : 0;
  if (scheme == Scheme::kPs) {
    planned.rows.emplace(planned.layer.sizes, cluster.shards(), planned.layer.layer);
    open_table(cluster, planned, priority);
    if (exchanges_gradients_) open_local(cluster, planned);
  } else if (scheme == Scheme::kSfb) {
    // A worker may be an iteration ahead of one that has not received yet.
    planned.channel = cluster.create_channel(planned.layer.name, {.capacity = 4, .priority = priority});
  }
}

void SyncPlan::open_table(bosen::Cluster& cluster, PlannedLayer& planned, int priority) const {
  const Codec codec = planned.layer.size.codec;
  bosen::TableOptions options{.width = coded_words(codec, planned.rows->width()), .priority = priority};
  planned.table.codec = codec;
  if (codec != Codec::kFp32) {
    options.updater = {.name = sum_of(codec)};
    planned.table.coded = cluster.create_table<std::int32_t>(planned.layer.name, options);
    return;
  }
  if (exchanges_gradients_) options.updater = {.name = "clock_sum"};
  planned.table.floats = cluster.create_table<float>(planned.layer.name, options);
}

void SyncPlan::open_local(bosen::Cluster& cluster, PlannedLayer& planned) const {
  planned.local = std::make_unique<LocalGradients>();
  planned.local->workers = party_.workers_per_process;
  planned.local->tensors.resize(static_cast<std::size_t>(cluster.local_workers()));
  // A worker may be an iteration ahead of one that has not looked yet.
  if (party_.workers_per_process > 1) {
    planned.local->channel = cluster.create_channel(planned.layer.name + ".local", {.capacity = 4});
  }
}

}  // namespace poseidon
