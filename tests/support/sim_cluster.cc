#include "tests/support/sim_cluster.h"

#include <algorithm>
#include <utility>

#include "bosen/base/assert.h"

namespace bosen::testing {

using core::Outbox;
using wire::Envelope;
using wire::NodeId;

SimProcess::SimProcess(core::Membership members, const core::UpdaterCatalog& updaters, BufferPool& pool,
                       Carrier& carrier)
    : members_(std::move(members)), carrier_(carrier) {
  if (members_.rank < members_.clients()) client_ = std::make_unique<core::ClientCore>(members_, pool);
  for (ShardId shard = 0; shard < members_.shards(); ++shard) {
    if (!members_.is_local(shard)) continue;
    if (shards_.empty()) first_shard_ = shard;
    shards_.push_back(std::make_unique<core::ServerShard>(members_, updaters, pool));
  }
  mail_.resize((client_ ? 1 : 0) + shards_.size());
}

int SimProcess::workers() const { return client_ ? members_.workers[static_cast<std::size_t>(members_.rank)] : 0; }

void SimProcess::with_client(const std::function<void(core::ClientCore&, Outbox&)>& action) {
  Outbox outbox(NodeId::client(members_.rank));
  action(*client_, outbox);
  route(outbox);
}

void SimProcess::route(Outbox& outbox) {
  for (Envelope& envelope : outbox.envelopes()) {
    const NodeId to = envelope.to;
    const Rank rank =
        to.is_shard() ? members_.rank_of_shard[static_cast<std::size_t>(to.shard_id())] : static_cast<Rank>(to.rank());
    if (rank == members_.rank) {
      post(std::move(envelope));
    } else {
      carrier_.carry(members_.rank, rank, std::move(envelope));
    }
  }
}

void SimProcess::post(Envelope envelope) {
  std::size_t actor = 0;
  if (envelope.to.is_shard()) {
    actor = static_cast<std::size_t>(envelope.to.shard_id() - first_shard_) + (client_ ? 1 : 0);
  } else {
    BOSEN_ASSERT(client_ && envelope.to.rank() == members_.rank);
  }
  BOSEN_ASSERT(actor < mail_.size());
  mail_[actor].push_back(std::move(envelope));
}

bool SimProcess::has_mail() const {
  return std::any_of(mail_.begin(), mail_.end(), [](const auto& mail) { return !mail.empty(); });
}

void SimProcess::handle_one(std::size_t actor) {
  Envelope envelope = std::move(mail_[actor].front());
  mail_[actor].pop_front();
  ++handled_;
  if (client_ && actor == 0) {
    with_client([&](core::ClientCore& client, Outbox& outbox) { client.step(std::move(envelope), outbox); });
    return;
  }
  const std::size_t shard = actor - (client_ ? 1 : 0);
  Outbox outbox(NodeId::shard(first_shard_ + static_cast<ShardId>(shard)));
  shards_[shard]->step(std::move(envelope), outbox);
  if (auto snapshot = shards_[shard]->take_snapshot()) snapshots_.push_back(std::move(*snapshot));
  route(outbox);
}

void SimProcess::settle() {
  while (has_mail()) {
    for (std::size_t actor = mail_.size(); actor-- > 0;) {
      while (has_mail(actor)) handle_one(actor);
    }
  }
}

SimCluster::SimCluster(const std::vector<ProcessShape>& shapes, const core::UpdaterCatalog& updaters, BufferPool& pool,
                       Carrier& carrier)
    : pool_(pool) {
  members_.rank = -1;
  for (std::size_t rank = 0; rank < shapes.size(); ++rank) {
    if (shapes[rank].workers > 0) {
      BOSEN_ASSERT(members_.workers.size() == rank);
      members_.workers.push_back(shapes[rank].workers);
    }
    members_.rank_of_shard.insert(members_.rank_of_shard.end(), static_cast<std::size_t>(shapes[rank].shards),
                                  static_cast<Rank>(rank));
  }
  for (std::size_t rank = 0; rank < shapes.size(); ++rank) {
    core::Membership members = members_;
    members.rank = static_cast<Rank>(rank);
    processes_.push_back(std::make_unique<SimProcess>(std::move(members), updaters, pool, carrier));
  }
}

core::ServerShard& SimCluster::shard(ShardId shard) {
  const Rank rank = members_.rank_of_shard[static_cast<std::size_t>(shard)];
  ShardId first = shard;
  while (first > 0 && members_.rank_of_shard[static_cast<std::size_t>(first - 1)] == rank) --first;
  return *process(rank).shards()[static_cast<std::size_t>(shard - first)];
}

SimCluster::ShardRow SimCluster::row_on_shard(TableId table, const wire::RowShape& shape, RowId row) {
  const ShardId owner = core::shard_of(row, members_.shards());
  Outbox outbox(NodeId::shard(owner));
  shard(owner).step({NodeId::client(0), NodeId::shard(owner), wire::ReadRequest{table, 0, {row}}}, outbox);
  ShardRow result;
  if (outbox.envelopes().empty()) return result;
  const auto& rows = std::get<wire::Rows>(outbox.envelopes().front().message);
  result.clock = rows.clock;
  const std::byte* data = nullptr;
  if (rows.block) {
    data = rows.block->data + wire::RowBlockView(shape, *rows.block).offset(0);
  } else {
    data = rows.shared.front().data;
  }
  result.bytes.assign(data, data + row_bytes(shape, data));
  return result;
}

std::size_t row_bytes(const wire::RowShape& shape, const std::byte* row) {
  if (shape.kind == RowKind::kDense) return shape.row_bytes();
  return wire::SparseRecord::bytes(wire::SparseRecord::count(row), shape.element_bytes());
}

}  // namespace bosen::testing
