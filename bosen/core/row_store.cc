#include "bosen/core/row_store.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bosen/base/assert.h"
#include "bosen/base/error.h"
#include "bosen/base/limits.h"

namespace bosen::core {

using wire::RowBlockView;
using wire::SparseRecord;

namespace {

// A block is given up for copies of what is left when fewer than one in four of its rows are current.
bool is_thin_in_store(const Buffer& block) { return block.rows >= 8 && block.live_in_store * 4 < block.rows; }

BufferRef make_zero_block(BufferPool& pool, const wire::RowShape& shape) {
  const std::size_t bytes = shape.kind == RowKind::kDense ? shape.row_bytes() : SparseRecord::bytes(0, 8);
  BufferRef block = pool.take(bytes);
  std::memset(block->data, 0, bytes);
  block->size = bytes;
  return block;
}

}  // namespace

RowStore::RowStore(BufferPool& pool, const wire::RowShape& shape, std::unique_ptr<RowUpdater> updater)
    : shape_(shape),
      ops_(element_ops(shape.element)),
      updater_(std::move(updater)),
      builder_(pool, shape, limits::kBlockBytes),
      zero_block_(make_zero_block(pool, shape)) {}

RowStore::~RowStore() {
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    Buffer* block = rows_[i].block;
    if (block != nullptr && --block->live_in_store == 0) block->release();
  }
}

std::uint32_t RowStore::find_or_add(RowId id) {
  const auto id_of = [this](std::uint32_t number) { return rows_[number].id; };
  std::uint32_t number = index_.find(id, id_of);
  if (number != RowIndex::kNone) return number;
  number = rows_.grow();
  rows_[number].id = id;
  index_.insert(id, number, id_of);  // nobody else reads the index: outgrown cells go at once
  return number;
}

template <class Visit>
void RowStore::each_row_of(const Buffer& block, const Visit& visit) {
  const RowBlockView view(shape_, block);
  index_.each_ahead(
      view.size(), [&](std::size_t i) { return view.id(i); }, [this](std::uint32_t number) { rows_.prefetch(number); },
      [&](std::size_t i) {
        const std::uint32_t number = find_or_add(view.id(i));
        visit(rows_[number], number, block.data + view.offset(i));
      });
}

StoredRow& RowStore::row(RowId id) { return rows_[find_or_add(id)]; }

void RowStore::apply(const BufferRef& block, Clock timestamp) {
  if (updater_) {
    apply_updater(block, timestamp);
  } else if (shape_.kind == RowKind::kDense) {
    apply_dense(block);
  } else {
    apply_sparse(block);
  }
  if (block->live_in_store > 0) note_if_thin(*block);  // one of which only few rows became current
  compact();
  builder_.take();  // seals; the store's own references keep what is current
}

void RowStore::restore(const BufferRef& block) {
  each_row_of(*block,
              [&](StoredRow& row, std::uint32_t /*number*/, std::byte* data) { place(row, data, block.get()); });
}

void RowStore::restore_history(const wire::RowHistory& history, std::span<const std::byte> updater_state) {
  StoredRow& restored = row(history.row);
  restored.steps = history.steps;
  restored.last_timestamp = history.last_timestamp;
  restored.updater_state = make_updater_state();
  std::copy(updater_state.begin(), updater_state.end(), restored.updater_state.get());
}

std::size_t RowStore::updater_state_bytes() const {
  return updater_ ? updater_->state_bytes(static_cast<std::size_t>(shape_.width)) : 0;
}

// One byte more, so that rows of updaters without state have some too: it tells that they were updated.
std::unique_ptr<std::byte[]> RowStore::make_updater_state() const {
  return std::make_unique<std::byte[]>(updater_state_bytes() + 1);
}

void RowStore::apply_dense(const BufferRef& block) {
  const auto width = static_cast<std::size_t>(shape_.width);
  const bool may_write = block->unique();
  each_row_of(*block, [&](StoredRow& row, std::uint32_t number, std::byte* update) {
    if (row.data == nullptr) {
      place(row, update, block.get());
    } else if (row.block->unique()) {
      ops_.add(row.data, update, width);
    } else if (may_write) {
      ops_.add(update, row.data, width);
      place(row, update, block.get());
    } else {
      std::byte* sum = builder_.append_dense(row.id);
      ops_.sum(sum, row.data, update, width);
      place(row, sum, builder_.current());
    }
    log_change(row, number);
  });
}

void RowStore::apply_updater(const BufferRef& block, Clock timestamp) {
  const auto width = static_cast<std::size_t>(shape_.width);
  each_row_of(*block, [&](StoredRow& row, std::uint32_t number, const std::byte* update) {
    if (!row.updater_state) row.updater_state = make_updater_state();
    const bool first_of_clock = std::exchange(row.last_timestamp, timestamp) != timestamp;
    updater_->apply(writable(row), update, row.updater_state.get(), width, row.steps++, first_of_clock);
    log_change(row, number);
  });
}

void RowStore::apply_sparse(const BufferRef& block) {
  each_row_of(*block, [&](StoredRow& row, std::uint32_t number, std::byte* update) {
    if (row.data == nullptr) {
      place(row, update, block.get());
    } else if (!row.block->unique() || !add_in_place_sparse(row, update)) {
      std::byte* merged = merge_sparse(row, update);
      place(row, merged, builder_.current());
    }
    log_change(row, number);
  });
}

bool RowStore::add_in_place_sparse(StoredRow& row, const std::byte* update) {
  const std::size_t count = SparseRecord::count(row.data);
  const std::size_t update_count = SparseRecord::count(update);
  const Column* columns = SparseRecord::columns(std::as_const(row.data));
  const Column* update_columns = SparseRecord::columns(update);
  if (!std::includes(columns, columns + count, update_columns, update_columns + update_count)) return false;
  std::byte* values = row.data + SparseRecord::values_offset(count);
  const std::byte* updates = update + SparseRecord::values_offset(update_count);
  const Column* at = columns;
  for (std::size_t i = 0; i < update_count; ++i) {
    at = std::lower_bound(at, columns + count, update_columns[i]);
    ops_.add(values + static_cast<std::size_t>(at - columns) * ops_.bytes, updates + i * ops_.bytes, 1);
  }
  return true;
}

std::byte* RowStore::merge_sparse(const StoredRow& row, const std::byte* update) {
  std::byte* merged = wire::merge_records(builder_, row.id, row.data, update, ops_.bytes, ops_.add);
  const std::size_t bytes = SparseRecord::bytes(SparseRecord::count(merged), ops_.bytes);
  if (bytes <= limits::kRowBytesMax) return merged;
  throw Error(ErrorKind::kUsage, "row " + std::to_string(row.id) + " of a sparse table has grown to " +
                                     std::to_string(bytes) + " bytes, but a row has at most " +
                                     std::to_string(limits::kRowBytesMax) + ": spread its columns over several rows");
}

std::byte* RowStore::writable(StoredRow& row) {
  if (row.data != nullptr && row.block->unique()) return row.data;
  std::byte* data = builder_.append_dense(row.id);
  if (row.data == nullptr) {
    std::memset(data, 0, shape_.row_bytes());
  } else {
    std::memcpy(data, row.data, shape_.row_bytes());
  }
  place(row, data, builder_.current());
  return data;
}

void RowStore::place(StoredRow& row, std::byte* data, Buffer* block) {
  Buffer* old = row.block;
  row.data = data;
  row.block = block;
  if (block->live_in_store++ == 0) block->retain();
  if (old == nullptr) return;
  if (--old->live_in_store == 0) {
    old->release();
  } else {
    note_if_thin(*old);
  }
}

void RowStore::note_if_thin(Buffer& block) {
  if (!is_thin_in_store(block) || block.mark != 0) return;
  block.mark = 1;
  thinned_.push_back(BufferRef::share(&block));
}

void RowStore::compact() {
  // The mark stays until all rows of a block have moved: moving them must not add the block to the list again.
  for (const BufferRef& block : thinned_) {
    each_row_of(*block, [&](StoredRow& row, std::uint32_t number, const std::byte*) {
      if (row.block != block.get()) return;
      const std::size_t bytes = shape_.kind == RowKind::kDense
                                    ? shape_.row_bytes()
                                    : SparseRecord::bytes(SparseRecord::count(row.data), ops_.bytes);
      std::byte* copy = shape_.kind == RowKind::kDense ? builder_.append_dense(row.id)
                                                       : builder_.append_sparse(row.id, SparseRecord::count(row.data));
      std::memcpy(copy, row.data, bytes);
      place(row, copy, builder_.current());
      log_change(row, number);  // a reader in this process lets go of the old block too
    });
    block->mark = 0;
  }
  thinned_.clear();
}

void RowStore::keep_log(bool keep) { keeps_log_ = keep; }

void RowStore::log_change(StoredRow& row, std::uint32_t number) {
  if (!keeps_log_ || row.logged_at >= furthest_reader_) return;
  row.set_logged_at(log_end());
  log_.push_back(number);
}

void RowStore::trim_log(std::uint64_t position, std::uint64_t furthest) {
  furthest_reader_ = furthest;
  while (log_begin_ < position && !log_.empty()) {
    log_.pop_front();
    ++log_begin_;
  }
}

void RowStore::compact_log(std::vector<std::uint64_t*> positions) {
  positions.push_back(&furthest_reader_);
  std::sort(positions.begin(), positions.end(), [](const std::uint64_t* a, const std::uint64_t* b) { return *a < *b; });
  auto next = positions.begin();
  std::size_t kept = 0;
  const auto move_positions = [&](std::uint64_t up_to) {
    for (; next != positions.end() && **next <= up_to; ++next) **next = log_begin_ + kept;
  };
  for (std::size_t i = 0; i < log_.size(); ++i) {
    move_positions(log_begin_ + i);
    StoredRow& row = rows_[log_[i]];
    if (row.logged_at != log_begin_ + i) continue;
    row.set_logged_at(log_begin_ + kept);
    log_[kept++] = log_[i];
  }
  move_positions(log_end());
  log_.resize(kept);
}

}  // namespace bosen::core
