#pragma once

// What processes say to each other, as plain values. How they look as bytes is codec.h's affair.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/options.h"
#include "bosen/base/types.h"
#include "bosen/wire/row_block.h"

namespace bosen::wire {

/// The clock that a worker reports when it has ended: nobody waits for it any more.
inline constexpr Clock kFinishedClock = std::numeric_limits<Clock>::max();

/// A party of the protocol: the client of a process, or a shard. The value is what frames carry.
struct NodeId {
  std::uint32_t value = 0;

  static constexpr std::uint32_t kShardBit = 0x8000'0000;
  static constexpr NodeId client(Rank rank) { return {static_cast<std::uint32_t>(rank)}; }
  static constexpr NodeId shard(ShardId shard) { return {kShardBit | static_cast<std::uint32_t>(shard)}; }
  [[nodiscard]] constexpr bool is_shard() const { return (value & kShardBit) != 0; }
  [[nodiscard]] constexpr Rank rank() const { return static_cast<Rank>(value); }
  [[nodiscard]] constexpr ShardId shard_id() const { return static_cast<ShardId>(value & ~kShardBit); }
  constexpr bool operator==(const NodeId&) const = default;
};

/// What a table is, as all processes must agree on it.
struct TableSpec {
  std::string name;
  RowShape shape;
  Consistency consistency = Consistency::kEssp;
  Clock staleness = 0;
  UpdaterOptions updater;
  std::int32_t priority = 0;
  bool operator==(const TableSpec&) const = default;
};

/// Client to shard: the process has made this table.
struct CreateTable {
  TableId table = 0;
  TableSpec spec;
};

/// Shard to client: every process has made the table alike, or `problem` says why not.
struct TableCreated {
  TableId table = 0;
  std::string problem;
};

/// Client to shard: updates that a worker made with timestamp `clock`, one block of them. The last of an iteration
/// closes it (and may come without a block); then all updates of the worker with this timestamp have been sent.
struct Update {
  TableId table = 0;
  WorkerId worker = 0;
  Clock clock = 0;
  bool closes = false;
  BufferRef block;
};

/// Client to shard: wants rows that show all updates with timestamps before `needed`.
struct ReadRequest {
  TableId table = 0;
  Clock needed = 0;
  std::vector<RowId> rows;
};

/// A row inside a block that its receiver shares (same process).
struct RowReference {
  RowId id = 0;
  const std::byte* data = nullptr;
  Buffer* block = nullptr;
};

/// Shard to client: current rows. They show all updates with timestamps before `clock`, and the first `batches_applied`
/// batches (Update messages on this table) of the receiving process.
struct Rows {
  TableId table = 0;
  Clock clock = 0;
  std::uint64_t batches_applied = 0;
  bool is_push = false;         ///< unasked; else the answer to a request
  bool completes_push = false;  ///< ends a push: from now on every row the process has read before is as new as `clock`
  BufferRef block;              ///< packed rows, or
  std::vector<RowReference> shared;  ///< rows by reference (same process), inside
  std::vector<BufferRef> blocks;     ///< these blocks
};

/// Client to shard: these rows were dropped from the process cache.
struct Unsubscribe {
  TableId table = 0;
  std::vector<RowId> rows;
};

/// Client to shard: all workers of the process have arrived at this barrier. They make a checkpoint there where they
/// name its clock, which then is theirs on every table. The last one is where they have ended.
struct BarrierArrive {
  std::uint64_t barrier = 0;
  Clock checkpoint = 0;  ///< 0: none; kFinishedClock: none, the workers have ended
};

/// Shard to client: all workers of the job have.
struct BarrierRelease {
  std::uint64_t barrier = 0;
};

/// Client to client: a message from worker to worker.
struct ChannelData {
  std::uint32_t channel = 0;
  WorkerId from = 0;
  WorkerId to = 0;
  std::int64_t tag = 0;
  BufferRef bytes;
};

/// Client to client: the receiving worker `from` took `messages` messages that worker `to` had sent.
struct ChannelCredit {
  std::uint32_t channel = 0;
  WorkerId from = 0;
  WorkerId to = 0;
  std::uint32_t messages = 0;
};

/// Client to shard 0: the process has made this channel.
struct CreateChannel {
  std::uint32_t channel = 0;
  std::string name;
  std::int32_t capacity = 0;
};

/// Shard 0 to client: every process has made the channel alike, or `problem` says why not.
struct ChannelCreated {
  std::uint32_t channel = 0;
  std::string problem;
};

using Message = std::variant<CreateTable, TableCreated, Update, ReadRequest, Rows, Unsubscribe, BarrierArrive,
                             BarrierRelease, ChannelData, ChannelCredit, CreateChannel, ChannelCreated>;

/// A message with its sender and receiver. Of what waits for the network the highest priority goes first; messages of
/// one priority keep their order. A fence overtakes nothing, and nothing overtakes it.
struct Envelope {
  NodeId from;
  NodeId to;
  Message message;
  std::int32_t priority = 0;  ///< its sender's affair: does not travel
  bool is_fence = false;      ///< likewise
};

}  // namespace bosen::wire
