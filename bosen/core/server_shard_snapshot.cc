// ServerShard's barriers, and the checkpoints that are made at them and gone on from.

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/core/server_shard.h"
#include "bosen/core/table_difference.h"

namespace bosen::core {
namespace {

std::string at_barrier(Clock checkpoint) {
  if (checkpoint == 0) return "waits at a barrier";
  if (checkpoint == wire::kFinishedClock) return "has workers that have ended";
  return fmt::format("makes a checkpoint at clock {}", checkpoint);
}

/// `saved` with all that may be another one when a job goes on.
wire::TableSpec as_now(const wire::TableSpec& saved, const wire::TableSpec& now) {
  wire::TableSpec spec = now;
  spec.name = saved.name;
  spec.shape = saved.shape;
  spec.updater.name = saved.updater.name;
  return spec;
}

}  // namespace

// Links keep the order of what a process says, and nobody goes on from a barrier before its release: with the last
// arrival every update that was made before it is here, and none that is made after it.
void ServerShard::on_barrier(Rank client, const wire::BarrierArrive& arrive, Outbox& outbox) {
  Barrier& barrier = barriers_.try_emplace(arrive.barrier, Barrier{0, arrive.checkpoint}).first->second;
  if (barrier.checkpoint != arrive.checkpoint) {
    throw Error(ErrorKind::kUsage, fmt::format("rank {} {} while another rank {}: all workers must do so together",
                                               client, at_barrier(arrive.checkpoint), at_barrier(barrier.checkpoint)));
  }
  if (++barrier.arrived < static_cast<std::size_t>(members_.clients())) return;
  barriers_.erase(arrive.barrier);
  if (arrive.checkpoint > 0 && arrive.checkpoint != wire::kFinishedClock) snapshot_ = snapshot(arrive.checkpoint);
  for (Rank rank = 0; rank < members_.clients(); ++rank) {
    outbox.send_fence(NodeId::client(rank), wire::BarrierRelease{arrive.barrier});
  }
}

wire::ShardSnapshot ServerShard::snapshot(Clock clock) {
  wire::ShardSnapshot snapshot{.clock = clock, .tables = {}};
  for (const auto& table : tables_) {
    if (!table) continue;
    wire::TableSnapshot& saved = snapshot.tables.emplace_back();
    saved.spec = table->spec;
    const std::size_t state_bytes = table->store.updater_state_bytes();
    std::vector<StoredRow*> rows;
    table->store.each([&](StoredRow& row) {
      if (row.data != nullptr) rows.push_back(&row);
      if (!row.updater_state) return;
      saved.histories.push_back({.row = row.id, .steps = row.steps, .last_timestamp = row.last_timestamp});
      const std::byte* state = row.updater_state.get();
      saved.updater_state.insert(saved.updater_state.end(), state, state + state_bytes);
    });
    saved.blocks = pack_rows(*table, rows);
  }
  return snapshot;
}

std::string ServerShard::problem_of_restored(const wire::TableSpec& spec) const {
  if (start_.clock == 0) return {};
  const auto saved = std::find_if(start_.tables.begin(), start_.tables.end(),
                                  [&](const wire::TableSnapshot& table) { return table.spec.name == spec.name; });
  const std::string checkpoint = fmt::format("the checkpoint of clock {}", start_.clock);
  if (saved == start_.tables.end()) return "is not in " + checkpoint + ": is that another program's?";
  const TableDifference option = difference(spec, as_now(saved->spec, spec));
  if (option.ours.empty()) return {};
  return fmt::format("has {}, in {} {}: go on with the same options", option.ours, checkpoint, option.theirs);
}

std::string ServerShard::restore(Table& table) {
  const std::size_t state_bytes = table.store.updater_state_bytes();
  std::string problem;
  std::erase_if(start_.tables, [&](wire::TableSnapshot& saved) {
    if (saved.spec.name != table.spec.name) return false;
    if (saved.updater_state.size() != saved.histories.size() * state_bytes) {
      problem = fmt::format("has updater {}, which keeps {} bytes of a row, but others in the checkpoint of clock {}",
                            table.spec.updater.name, state_bytes, start_.clock);
      return true;
    }
    for (const BufferRef& block : saved.blocks) table.store.restore(block);
    for (std::size_t i = 0; i < saved.histories.size(); ++i) {
      const auto state = std::span(saved.updater_state).subspan(i * state_bytes, state_bytes);
      table.store.restore_history(saved.histories[i], state);
    }
    return true;
  });
  return problem;
}

}  // namespace bosen::core
