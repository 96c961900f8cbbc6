#pragma once

// A process's updates of one table that remote shards have not confirmed, found by row: a row that arrives without
// them costs as many additions as it has of them, however many other rows are under way.
//
// Every row of a batch is an entry in its shard's queue, and names the entry before it of the same slot; `newest_`
// names the last entry of each slot. Entries leave from the front, with their batch. What named them then names
// nothing: the number lies outside the queue, or its entry is one of another slot. A slot may be given to another row
// while it has entries; these do not count for that row.
//
// Under the client's lock.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/wire/row_block.h"

namespace bosen::core {

class UnconfirmedUpdates {
 public:
  UnconfirmedUpdates(const wire::RowShape& shape, int shards)
      : shape_(shape), queues_(static_cast<std::size_t>(shards)) {}

  /// A block of updates leaves for the shard as the message of that number; numbers grow.
  void add_batch(ShardId shard, std::uint64_t number, BufferRef block);
  /// Row `i` of the shard's last batch has that slot in the cache; one of at most `slots`.
  void add_row(ShardId shard, std::uint32_t i, std::uint32_t slot, std::uint32_t slots);
  /// The shard has applied all messages up to that number.
  void confirm(ShardId shard, std::uint64_t number);

  [[nodiscard]] bool empty(ShardId shard) const { return queue(shard).batches.empty(); }
  [[nodiscard]] std::size_t batches() const;
  /// Memory that does not depend on what is unconfirmed.
  [[nodiscard]] std::size_t overhead_bytes() const { return newest_.size() * sizeof newest_[0]; }

  /// The row's updates in the order in which they were made. Valid until the next call of any member.
  const std::vector<const std::byte*>& updates(ShardId shard, std::uint32_t slot, RowId row);

 private:
  struct Batch {
    std::uint64_t number;
    BufferRef block;
    std::uint32_t entries;
  };
  // Numbers of batches and entries run on and may overflow: differences are what counts.
  struct Entry {
    std::uint32_t batch;
    std::uint32_t row;  // in its block
    std::uint32_t slot;
    std::uint32_t back;  // so many entries before is the slot's entry before this one; 0: there is none
  };
  struct Queue {
    std::deque<Batch> batches;
    std::deque<Entry> entries;
    std::uint32_t first_batch = 0;
    std::uint32_t first_entry = 0;
  };

  [[nodiscard]] Queue& queue(ShardId shard) { return queues_[static_cast<std::size_t>(shard)]; }
  [[nodiscard]] const Queue& queue(ShardId shard) const { return queues_[static_cast<std::size_t>(shard)]; }
  /// Where the slot's newest entry stands in the queue; the queue's length: nowhere.
  [[nodiscard]] std::uint32_t position_of(const Queue& queue, std::uint32_t slot) const;

  const wire::RowShape shape_;
  std::vector<Queue> queues_;          // by shard
  std::vector<std::uint32_t> newest_;  // by slot, the number of an entry
  std::vector<const std::byte*> updates_;
};

}  // namespace bosen::core
