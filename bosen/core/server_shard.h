#pragma once

// One shard: its part of every table's rows, the workers' clocks, who waits for what and who is told. It takes a
// message and says messages; it never blocks, and a read whose clock has not come yet is parked.
// docs/design/consistency.md argues why this keeps the guarantee.
//
// Single-threaded, sans I/O. Messages of one client must arrive in the order in which it said them (core::Link).

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/core/consistency_model.h"
#include "bosen/core/membership.h"
#include "bosen/core/outbox.h"
#include "bosen/core/row_store.h"
#include "bosen/core/vector_clock.h"
#include "bosen/wire/shard_snapshot.h"

namespace bosen::core {

class ServerShard {
 public:
  /// A job that goes on from a checkpoint gives what the shard holds at its start: the clock of all workers, and
  /// tables, which are then the only ones that can be made.
  ServerShard(const Membership& members, const UpdaterCatalog& updaters, BufferPool& pool,
              wire::ShardSnapshot start = {});

  /// Handles a message of a client. What makes no sense (an unknown table, a row twice closed) is counted and ignored.
  void step(Envelope envelope, Outbox& outbox);

  /// Whether a client's link takes more. Where it does not, pushes that are due after the client's own clocks wait, and
  /// leave as one, with what has changed until then, when it does again. All links do until something else is said.
  void set_room(Rank client, bool has_room, Outbox& outbox);
  /// Whether pushes to the client wait for room.
  [[nodiscard]] bool holds_back(Rank client) const { return clients_[static_cast<std::size_t>(client)].holds_back; }

  /// What a checkpoint holds of this shard, after the step that completed its barrier. Until that is dropped, updates
  /// make new versions instead of changing rows in place.
  [[nodiscard]] std::optional<wire::ShardSnapshot> take_snapshot() { return std::exchange(snapshot_, std::nullopt); }

  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }
  /// Messages with updates, and messages that ask for rows, that it has handled.
  [[nodiscard]] std::int64_t updates_handled() const { return updates_handled_; }
  [[nodiscard]] std::int64_t reads_handled() const { return reads_handled_; }
  /// Reads that wait for slower workers.
  [[nodiscard]] std::size_t parked() const;
  /// Rows that live here, of all tables.
  [[nodiscard]] std::size_t rows() const;
  /// Rows of a table that live here.
  [[nodiscard]] std::size_t rows(TableId table) const;
  /// Entries that it keeps of which rows of a table changed, for those who are told of changes.
  [[nodiscard]] std::size_t log_size(TableId table) const;
  /// Clock of the slowest worker on a table.
  [[nodiscard]] Clock minimum(TableId table) const;

 private:
  /// What the shard knows of one process in respect of one table.
  struct Reader {
    std::uint64_t batches_applied = 0;
    std::uint64_t batches_confirmed = 0;  // the client was told that they were applied
    std::uint64_t log_position = 1;       // changes before it were pushed
    std::size_t subscriptions = 0;
    int working = 0;          // its workers that have not ended
    bool push_waits = false;  // for room

    /// Whether it is told of changes: nobody reads in a process whose workers have all ended.
    [[nodiscard]] bool follows() const { return subscriptions > 0 && working > 0; }
  };
  /// What it knows of one process's link.
  struct Client {
    bool has_room = true;
    bool holds_back = false;  // a push of some table waits for room
  };
  struct ParkedRead {
    Rank client = 0;
    std::vector<RowId> rows;
  };
  struct Table {
    Table(const wire::TableSpec& table_spec, const Membership& members, BufferPool& pool,
          std::unique_ptr<RowUpdater> updater, Clock first);

    wire::TableSpec spec;
    ConsistencyModel model;
    VectorClock clocks;
    RowStore store;
    std::vector<Reader> readers;                 // by rank of client
    std::vector<std::deque<wire::Update>> held;  // exact models: by worker, until everybody has got there
    std::multimap<Clock, ParkedRead> parked;     // by the clock that they need
  };
  /// Processes that have arrived at a barrier, and what they do there.
  struct Barrier {
    std::size_t arrived = 0;
    Clock checkpoint = 0;
  };
  /// A table or channel that waits until every process has made it alike.
  struct Creation {
    std::size_t made_by = 0;
    std::string problem;
    std::string description;
  };
  /// What a process makes and waits for.
  struct Making {
    bool is_table = false;
    std::uint32_t id = 0;
    std::string description;
  };

  void on_create(Rank client, const wire::CreateTable& create, Outbox& outbox);
  void on_create(Rank client, const wire::CreateChannel& create, Outbox& outbox);
  /// Returns why it can't be made; empty: it is.
  std::string make_table(const wire::CreateTable& create);
  void begin_making(Rank client, Making making, Outbox& outbox);
  void end_making(bool is_table, std::uint32_t id, const std::string& problem, Outbox& outbox);
  void tell(Rank client, bool is_table, std::uint32_t id, const std::string& problem, Outbox& outbox) const;
  void on_update(Rank client, wire::Update& update, Outbox& outbox);
  void on_read(Rank client, wire::ReadRequest& request, Outbox& outbox);
  void on_unsubscribe(Rank client, const wire::Unsubscribe& unsubscribe);
  void on_barrier(Rank client, const wire::BarrierArrive& arrive, Outbox& outbox);
  [[nodiscard]] std::string problem_of_restored(const wire::TableSpec& spec) const;
  /// Fills a table that was just made; returns why it can't be, empty: it is.
  std::string restore(Table& table);
  [[nodiscard]] wire::ShardSnapshot snapshot(Clock clock);

  Table* find_table(TableId id);
  void close_clock(TableId id, Table& table, Rank client, std::size_t worker, Clock clock, Outbox& outbox);
  void confirm(TableId id, Table& table, Rank client, Outbox& outbox);
  void on_minimum(TableId id, Table& table, Outbox& outbox);
  static void apply_held(Table& table);
  void answer(TableId id, Table& table, Rank client, const std::vector<RowId>& rows, Outbox& outbox);
  void push(TableId id, Table& table, Rank client, Outbox& outbox);
  void push_where_room(TableId id, Table& table, Rank client, Outbox& outbox);
  void send_rows(TableId id, Table& table, Rank client, std::vector<StoredRow*>& rows, bool completes_push,
                 Outbox& outbox);
  static void share_rows(Table& table, const std::vector<StoredRow*>& rows, wire::Rows& message);
  std::vector<BufferRef> pack_rows(Table& table, const std::vector<StoredRow*>& rows);
  [[nodiscard]] bool subscribes(const Table& table, Rank client) const;
  static void trim_log(Table& table);

  const Membership& members_;
  const UpdaterCatalog& updaters_;
  BufferPool& pool_;
  std::vector<Client> clients_;  // by rank
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<Creation> table_creations_;
  std::vector<Creation> channel_creations_;
  std::vector<std::deque<Making>> making_;  // by rank of client, the oldest first
  std::map<std::uint64_t, Barrier> barriers_;
  wire::ShardSnapshot start_;  // tables that were not made yet
  std::optional<wire::ShardSnapshot> snapshot_;
  std::uint64_t rejected_ = 0;
  std::int64_t updates_handled_ = 0;
  std::int64_t reads_handled_ = 0;
};

}  // namespace bosen::core
