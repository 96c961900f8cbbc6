#pragma once

// The rows of one table that live on one shard, and who reads them.
//
// A row's current version is a piece of some block. Versions are immutable as soon as anybody else may look at their
// block (a frame under way, a reader's cache in the same process): then the next update makes a new version, in the
// memory of the update itself where it can. While the store is the only holder, updates are added in place. The store
// holds one reference to every block that has a current row; a block of which few rows are left is given up for copies
// of these.
//
// Single-threaded; owned by a ServerShard's table.

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/core/element_ops.h"
#include "bosen/core/row_index.h"
#include "bosen/core/stable_array.h"
#include "bosen/core/subscribers.h"
#include "bosen/core/updaters/row_updater.h"
#include "bosen/wire/row_block.h"
#include "bosen/wire/shard_snapshot.h"

namespace bosen::core {

/// A row on its shard.
struct StoredRow {
  RowId id = 0;
  std::byte* data = nullptr;         ///< none: all zero, or empty
  Buffer* block = nullptr;           ///< holds `data`
  std::uint64_t logged_at : 63 = 0;  ///< its latest entry in the log of changes; 0: none
  std::uint64_t is_wanted : 1 = 0;   ///< by the request that is being answered
  // For updaters.
  std::int64_t steps = 0;           ///< updates applied
  Clock last_timestamp = kNoClock;  ///< of the last of them
  std::unique_ptr<std::byte[]> updater_state;
  Subscribers subscribers;

  void set_logged_at(std::uint64_t position) { logged_at = position & (~std::uint64_t{0} >> 1); }
};

class RowStore {
 public:
  /// `updater` none: updates are added.
  RowStore(BufferPool& pool, const wire::RowShape& shape, std::unique_ptr<RowUpdater> updater);
  ~RowStore();
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  /// The row, made on first use.
  StoredRow& row(RowId id);
  [[nodiscard]] std::size_t size() const { return index_.size(); }
  [[nodiscard]] const wire::RowShape& shape() const { return shape_; }

  /// Applies a block of updates with that timestamp. Where the caller holds the only reference, the block's memory may
  /// become the rows'.
  /// Throws Error(kUsage) where a sparse row grows beyond limits::kRowBytesMax; the store is of no use then.
  void apply(const BufferRef& block, Clock timestamp);

  /// Makes a block's rows current, which are not here yet.
  void restore(const BufferRef& block);
  void restore_history(const wire::RowHistory& history, std::span<const std::byte> updater_state);
  /// Bytes that the updater keeps of a row.
  [[nodiscard]] std::size_t updater_state_bytes() const;

  /// Calls visit(row) for every row.
  template <class Visit>
  void each(const Visit& visit) {
    for (std::uint32_t i = 0; i < rows_.size(); ++i) visit(rows_[i]);
  }

  /// A row of zeros (dense) or without elements (sparse) to answer reads of rows that were never written.
  [[nodiscard]] const BufferRef& zero_block() const { return zero_block_; }

  /// The log of changed rows: entries [log_begin, log_end); a row's older entries are void. Only compact_log changes
  /// what stands where.
  [[nodiscard]] std::uint64_t log_end() const { return log_begin_ + log_.size(); }
  /// Calls visit(row) once for every row changed since position `from`.
  template <class Visit>
  void changed_since(std::uint64_t from, const Visit& visit) {
    for (std::uint64_t at = std::max(from, log_begin_); at < log_end(); ++at) {
      StoredRow& changed = rows_[log_[at - log_begin_]];
      if (changed.logged_at == at) visit(changed);
    }
  }
  /// No reader needs entries before `position` any more; the furthest reader stands at `furthest`.
  void trim_log(std::uint64_t position, std::uint64_t furthest);
  /// Whether most entries are void, as where one reader stands still and others go on: every change is logged again
  /// for these, and kept for that one. `compact_log` is due then.
  [[nodiscard]] bool log_is_void() const { return log_.size() > 2 * std::size_t{rows_.size()} + kLogSlack; }
  /// Drops all void entries. What is left moves up: the readers' `positions` are changed with it.
  void compact_log(std::vector<std::uint64_t*> positions);
  [[nodiscard]] std::size_t log_size() const { return log_.size(); }
  /// Without readers of the log nothing is logged.
  void keep_log(bool keep);

 private:
  static constexpr std::size_t kLogSlack = 64;  // a log as short as this is not worth compacting

  void apply_dense(const BufferRef& block);
  void apply_sparse(const BufferRef& block);
  void apply_updater(const BufferRef& block, Clock timestamp);
  bool add_in_place_sparse(StoredRow& row, const std::byte* update);
  std::byte* merge_sparse(const StoredRow& row, const std::byte* update);
  std::byte* writable(StoredRow& row);
  [[nodiscard]] std::unique_ptr<std::byte[]> make_updater_state() const;
  void place(StoredRow& row, std::byte* data, Buffer* block);
  void note_if_thin(Buffer& block);
  void compact();
  void log_change(StoredRow& row, std::uint32_t number);
  std::uint32_t find_or_add(RowId id);
  /// Calls visit(row, its number, its piece of the block) for every row of the block.
  template <class Visit>
  void each_row_of(const Buffer& block, const Visit& visit);

  const wire::RowShape shape_;
  const ElementOps& ops_;
  const std::unique_ptr<RowUpdater> updater_;
  RowIndex index_;
  StableArray<StoredRow> rows_;
  wire::BlockBuilder builder_;      // versions that the store writes itself
  std::vector<BufferRef> thinned_;  // blocks of which few rows are current
  BufferRef zero_block_;

  bool keeps_log_ = false;
  std::deque<std::uint32_t> log_;  // numbers of changed rows
  std::uint64_t log_begin_ = 1;    // position of log_'s first entry
  std::uint64_t furthest_reader_ = 1;
};

}  // namespace bosen::core
