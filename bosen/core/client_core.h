#pragma once

// The client's side of the protocol for all tables and channels of one process. Sans I/O: messages in, messages out.
//
// Thread safety: everything under the client's lock, except what ClientTable lets its workers do without one, and
// worker_* by the worker's own thread.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bosen/base/options.h"
#include "bosen/core/channel_core.h"
#include "bosen/core/client_table.h"
#include "bosen/core/membership.h"
#include "bosen/core/outbox.h"
#include "bosen/core/reclaimer.h"

namespace bosen::core {

class ClientCore {
 public:
  /// Workers begin with clock `first`.
  ClientCore(const Membership& members, BufferPool& pool, Clock first = 0);

  /// Makes a table and tells the shards; usable once `created` says so. The reference stays valid.
  ClientTable& create_table(const wire::TableSpec& spec, std::int64_t cache_rows, Outbox& outbox);
  ChannelCore& create_channel(const std::string& name, const ChannelOptions& options, Outbox& outbox);

  /// Whether all processes have made the table (channel) alike; `problem` says why they have not.
  struct Creation {
    int confirmations_due = 0;
    std::string problem;
    [[nodiscard]] bool done() const { return confirmations_due == 0; }
  };
  [[nodiscard]] const Creation& table_creation(TableId table) const { return table_creations_[table]; }
  [[nodiscard]] const Creation& channel_creation(std::uint32_t channel) const { return channel_creations_[channel]; }

  [[nodiscard]] std::size_t tables() const { return tables_.size(); }
  [[nodiscard]] ClientTable& table(TableId id) { return *tables_[id]; }
  [[nodiscard]] ChannelCore& channel(std::uint32_t id) { return *channels_[id]; }

  /// Handles a message of a shard or of another process.
  void step(Envelope envelope, Outbox& outbox);

  /// All local workers have arrived at the next barrier, where they make a checkpoint of that clock (0: none) or have
  /// ended (wire::kFinishedClock); returns the barrier's number.
  std::uint64_t arrive_at_barrier(Outbox& outbox, Clock checkpoint = 0);
  /// Barriers that all workers of the job have passed.
  [[nodiscard]] std::uint64_t barriers_passed() const { return barriers_passed_; }

  /// Frees memory that no worker looks at any more. To be called from time to time, at least at every advance.
  void collect() { reclaimer_.collect(); }

  /// The worker looks at no row any more that it has read. By the worker's own thread.
  void quiesce(int local_worker);

  [[nodiscard]] Reclaimer& reclaimer() { return reclaimer_; }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }

 private:
  void on_barrier_release(const wire::BarrierRelease& release);

  const Membership& members_;
  const Clock first_;
  BufferPool& pool_;
  Reclaimer reclaimer_;
  std::vector<std::unique_ptr<ClientTable>> tables_;
  std::vector<Creation> table_creations_;
  std::vector<std::unique_ptr<ChannelCore>> channels_;
  std::vector<Creation> channel_creations_;
  std::uint64_t barriers_arrived_ = 0;
  std::uint64_t barriers_passed_ = 0;
  std::map<std::uint64_t, int> releases_;  // shards that have released a barrier
  std::uint64_t rejected_ = 0;
};

}  // namespace bosen::core
