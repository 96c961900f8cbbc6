#pragma once

// What one worker has added to the rows of one table since its last advance, and its private sums of a row's shared
// version and these additions. Used by the worker's own thread alone.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bosen/core/element_ops.h"
#include "bosen/wire/row_block.h"

namespace bosen::core {

/// Memory that is given out piece by piece and taken back all at once.
class Arena {
 public:
  std::byte* take(std::size_t bytes);
  void reset();

 private:
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<std::size_t> sizes_;
  std::size_t chunk_ = 0;
  std::size_t used_ = 0;
};

/// Deltas by row. Dense ones are written straight into the blocks that will be sent; sparse ones are collected as they
/// come and brought into order when somebody looks.
class WorkerDelta {
 public:
  WorkerDelta(BufferPool& pool, const wire::RowShape& shape, int shards);

  /// Whether the row of that slot has been incremented.
  [[nodiscard]] bool has(std::uint32_t slot) const { return slot < rows_of_slot_.size() && rows_of_slot_[slot] != 0; }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  /// Whether a sparse row's delta stays within limits::kRowBytesMax with so many columns more.
  [[nodiscard]] bool has_room(std::uint32_t slot, std::size_t columns);

  void inc_dense(std::uint32_t slot, RowId row, ShardId shard, const std::byte* updates);
  void inc_dense_at(std::uint32_t slot, RowId row, ShardId shard, std::span<const Column> columns,
                    const std::byte* updates);
  void inc_sparse(std::uint32_t slot, RowId row, ShardId shard, std::span<const Column> columns,
                  const std::byte* updates);

  /// The version `base` (none: zero) plus this delta, as a row of the table's kind. Valid until `forget_views`; does
  /// not change when more is added.
  const std::byte* folded(std::uint32_t slot, const std::byte* base);

  /// The finished blocks for one shard. All shards must be sealed before `clear`.
  std::vector<BufferRef> seal(ShardId shard);
  /// Forgets all deltas. Views stay.
  void clear();
  /// The worker looks at no folded row any more.
  void forget_views() { arena_.reset(); }

 private:
  struct Row {
    std::uint32_t slot;
    ShardId shard;
    RowId id;
    std::byte* dense;       // inside a block
    std::uint32_t sparse;   // number in sparse_
    const std::byte* view;  // the last fold, while nothing was added since,
    const std::byte* base;  // and what it was folded with
  };
  struct Sparse {
    std::vector<Column> columns;
    std::vector<std::byte> values;
    bool ordered = true;  // ascending, no column twice
  };

  Row* find(std::uint32_t slot) { return has(slot) ? &rows_[rows_of_slot_[slot] - 1] : nullptr; }
  Row& add(std::uint32_t slot, RowId row, ShardId shard);
  void order(Sparse& sparse) const;
  const std::byte* fold_sparse(const Sparse& delta, const std::byte* base);

  const wire::RowShape shape_;
  const ElementOps& ops_;
  std::vector<wire::BlockBuilder> builders_;  // by shard
  std::vector<Row> rows_;
  std::vector<std::uint32_t> rows_of_slot_;  // number in rows_ plus one; 0: none
  std::vector<Sparse> sparse_;
  std::size_t sparse_used_ = 0;
  Arena arena_;
};

}  // namespace bosen::core
