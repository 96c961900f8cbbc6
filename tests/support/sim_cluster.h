#pragma once

// The core's parts of a whole job in one thread: processes with clients and shards, joined by a Carrier that says when
// which message arrives. Messages inside a process wait in the mailbox of their receiver until somebody handles them,
// as in the runtime; a Carrier brings those of other processes.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "bosen/core/client_core.h"
#include "bosen/core/server_shard.h"

namespace bosen::testing {

/// Brings messages from process to process: in order and once, if it keeps to what core::Link promises.
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual void carry(Rank from, Rank to, wire::Envelope envelope) = 0;
};

/// A process as a scenario describes it; without workers it is a dedicated server.
struct ProcessShape {
  int workers = 1;
  int shards = 1;
};

class SimProcess {
 public:
  SimProcess(core::Membership members, const core::UpdaterCatalog& updaters, BufferPool& pool, Carrier& carrier);

  [[nodiscard]] Rank rank() const { return members_.rank; }
  [[nodiscard]] int workers() const;
  [[nodiscard]] core::ClientCore& client() { return *client_; }
  [[nodiscard]] const std::vector<std::unique_ptr<core::ServerShard>>& shards() const { return shards_; }

  /// Lets the client say something, as a worker that holds its lock does.
  void with_client(const std::function<void(core::ClientCore&, core::Outbox&)>& action);

  /// Puts a message for this process into its receiver's mailbox.
  void post(wire::Envelope envelope);

  /// The client and the shards, each with a mailbox: actor 0 is the client (of a dedicated server: the first shard).
  [[nodiscard]] std::size_t actors() const { return mail_.size(); }
  [[nodiscard]] bool has_mail(std::size_t actor) const { return !mail_[actor].empty(); }
  [[nodiscard]] bool has_mail() const;
  [[nodiscard]] const wire::Envelope& next_mail(std::size_t actor) const { return mail_[actor].front(); }
  /// Handles the oldest message in an actor's mailbox.
  void handle_one(std::size_t actor);
  /// Handles all mail, and what it causes inside the process.
  void settle();
  /// What checkpoints hold of this process's shards, in the order in which they were made.
  [[nodiscard]] const std::vector<wire::ShardSnapshot>& snapshots() const { return snapshots_; }
  /// Grows with every message that is handled: a worker that waits should look again.
  [[nodiscard]] std::uint64_t handled() const { return handled_; }

 private:
  void route(core::Outbox& outbox);

  const core::Membership members_;
  Carrier& carrier_;
  std::unique_ptr<core::ClientCore> client_;  // none in a dedicated server
  std::vector<std::unique_ptr<core::ServerShard>> shards_;
  ShardId first_shard_ = 0;
  std::vector<std::deque<wire::Envelope>> mail_;
  std::uint64_t handled_ = 0;
  std::vector<wire::ShardSnapshot> snapshots_;
};

class SimCluster {
 public:
  /// Processes with workers come first. `pool` must outlive the carrier and the cluster.
  SimCluster(const std::vector<ProcessShape>& shapes, const core::UpdaterCatalog& updaters, BufferPool& pool,
             Carrier& carrier);

  [[nodiscard]] int size() const { return static_cast<int>(processes_.size()); }
  [[nodiscard]] SimProcess& process(Rank rank) { return *processes_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] const core::Membership& members() const { return members_; }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  [[nodiscard]] core::ServerShard& shard(ShardId shard);

  /// The row on its shard, as process 0 would get it: asks the shard without any of the machinery between.
  struct ShardRow {
    Clock clock = 0;
    std::vector<std::byte> bytes;
  };
  ShardRow row_on_shard(TableId table, const wire::RowShape& shape, RowId row);

 private:
  BufferPool& pool_;
  core::Membership members_;  // as nobody in particular
  std::vector<std::unique_ptr<SimProcess>> processes_;
};

/// Bytes of a dense row or of a sparse record.
std::size_t row_bytes(const wire::RowShape& shape, const std::byte* row);

}  // namespace bosen::testing
