#include "bosen/core/client_core.h"

namespace bosen::core {

ClientCore::ClientCore(const Membership& members, BufferPool& pool, Clock first)
    : members_(members),
      first_(first),
      pool_(pool),
      reclaimer_(static_cast<std::size_t>(members.workers[static_cast<std::size_t>(members.rank)])) {}

ClientTable& ClientCore::create_table(const wire::TableSpec& spec, std::int64_t cache_rows, Outbox& outbox) {
  const auto id = static_cast<TableId>(tables_.size());
  tables_.push_back(std::make_unique<ClientTable>(id, spec, cache_rows, first_, members_, pool_, reclaimer_));
  table_creations_.push_back({.confirmations_due = members_.shards(), .problem = {}});
  for (ShardId shard = 0; shard < members_.shards(); ++shard) {
    outbox.send(NodeId::shard(shard), wire::CreateTable{id, spec});
  }
  return *tables_.back();
}

ChannelCore& ClientCore::create_channel(const std::string& name, const ChannelOptions& options, Outbox& outbox) {
  const auto id = static_cast<std::uint32_t>(channels_.size());
  channels_.push_back(std::make_unique<ChannelCore>(id, name, options, members_));
  channel_creations_.push_back({.confirmations_due = 1, .problem = {}});
  outbox.send(NodeId::shard(0), wire::CreateChannel{id, name, options.capacity});
  return *channels_.back();
}

namespace {

// A confirmation nobody waits for is not believed.
bool confirm(std::vector<ClientCore::Creation>& creations, std::size_t id, const std::string& problem) {
  if (id >= creations.size() || creations[id].done()) return false;
  --creations[id].confirmations_due;
  if (!problem.empty()) creations[id] = {.confirmations_due = 0, .problem = problem};  // whatever others say
  return true;
}

}  // namespace

void ClientCore::step(Envelope envelope, Outbox&) {
  struct Visitor {
    ClientCore& client;
    NodeId from;
    void operator()(wire::TableCreated& message) {
      if (!confirm(client.table_creations_, message.table, message.problem)) ++client.rejected_;
    }
    void operator()(wire::ChannelCreated& message) {
      if (!confirm(client.channel_creations_, message.channel, message.problem)) ++client.rejected_;
    }
    void operator()(wire::Rows& message) {
      if (!from.is_shard() || message.table >= client.tables_.size()) {
        ++client.rejected_;
        return;
      }
      client.tables_[message.table]->on_rows(from.shard_id(), message);
    }
    void operator()(wire::BarrierRelease& message) { client.on_barrier_release(message); }
    void operator()(wire::ChannelData& message) {
      const std::size_t channel = message.channel;
      if (channel < client.channels_.size()) client.channels_[channel]->on_data(std::move(message));
    }
    void operator()(wire::ChannelCredit& message) {
      if (message.channel < client.channels_.size()) client.channels_[message.channel]->on_credit(message);
    }
    void operator()(wire::CreateTable&) { ++client.rejected_; }
    void operator()(wire::CreateChannel&) { ++client.rejected_; }
    void operator()(wire::Update&) { ++client.rejected_; }
    void operator()(wire::ReadRequest&) { ++client.rejected_; }
    void operator()(wire::Unsubscribe&) { ++client.rejected_; }
    void operator()(wire::BarrierArrive&) { ++client.rejected_; }
  };
  std::visit(Visitor{*this, envelope.from}, envelope.message);
}

void ClientCore::quiesce(int local_worker) {
  for (const auto& table : tables_) table->part(local_worker).delta.forget_views();
  reclaimer_.quiesce(static_cast<std::size_t>(local_worker));
}

std::uint64_t ClientCore::arrive_at_barrier(Outbox& outbox, Clock checkpoint) {
  const std::uint64_t barrier = ++barriers_arrived_;
  for (ShardId shard = 0; shard < members_.shards(); ++shard) {
    outbox.send_fence(NodeId::shard(shard), wire::BarrierArrive{barrier, checkpoint});
  }
  return barrier;
}

// A shard releases a barrier after all updates that were sent to it before: when all shards have, everything shows.
void ClientCore::on_barrier_release(const wire::BarrierRelease& release) {
  if (release.barrier != barriers_passed_ + 1 || ++releases_[release.barrier] < members_.shards()) return;
  releases_.erase(release.barrier);
  barriers_passed_ = release.barrier;
  for (const auto& table : tables_) table->on_barrier();
}

}  // namespace bosen::core
