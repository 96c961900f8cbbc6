#include "bosen/core/worker_delta.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "bosen/base/limits.h"

namespace bosen::core {

using wire::SparseRecord;

namespace {
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
}

std::byte* Arena::take(std::size_t bytes) {
  bytes = wire::align8(bytes);
  while (chunk_ < chunks_.size() && used_ + bytes > sizes_[chunk_]) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    sizes_.push_back(std::max(bytes, kChunkBytes << std::min<std::size_t>(chunks_.size(), 6)));
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(sizes_.back()));
    used_ = 0;
  }
  std::byte* piece = chunks_[chunk_].get() + used_;
  used_ += bytes;
  return piece;
}

void Arena::reset() {
  chunk_ = 0;
  used_ = 0;
}

WorkerDelta::WorkerDelta(BufferPool& pool, const wire::RowShape& shape, int shards)
    : shape_(shape), ops_(element_ops(shape.element)) {
  builders_.reserve(static_cast<std::size_t>(shards));
  for (int shard = 0; shard < shards; ++shard) builders_.emplace_back(pool, shape, limits::kBlockBytes);
}

WorkerDelta::Row& WorkerDelta::add(std::uint32_t slot, RowId row, ShardId shard) {
  if (slot >= rows_of_slot_.size()) rows_of_slot_.resize(std::max<std::size_t>(slot + 1, 2 * rows_of_slot_.size()));
  rows_.push_back({slot, shard, row, nullptr, 0, nullptr, nullptr});
  rows_of_slot_[slot] = static_cast<std::uint32_t>(rows_.size());
  if (shape_.kind == RowKind::kDense) {
    rows_.back().dense = builders_[static_cast<std::size_t>(shard)].append_dense(row);
  } else {
    if (sparse_used_ == sparse_.size()) sparse_.emplace_back();
    rows_.back().sparse = static_cast<std::uint32_t>(sparse_used_++);
  }
  return rows_.back();
}

void WorkerDelta::inc_dense(std::uint32_t slot, RowId row, ShardId shard, const std::byte* updates) {
  Row* delta = find(slot);
  if (delta == nullptr) {
    std::memcpy(add(slot, row, shard).dense, updates, shape_.row_bytes());
    return;
  }
  delta->view = nullptr;
  ops_.add(delta->dense, updates, static_cast<std::size_t>(shape_.width));
}

void WorkerDelta::inc_dense_at(std::uint32_t slot, RowId row, ShardId shard, std::span<const Column> columns,
                               const std::byte* updates) {
  Row* delta = find(slot);
  if (delta == nullptr) {
    delta = &add(slot, row, shard);
    std::memset(delta->dense, 0, shape_.row_bytes());
  }
  delta->view = nullptr;
  ops_.add_at(delta->dense, columns.data(), updates, columns.size());
}

bool WorkerDelta::has_room(std::uint32_t slot, std::size_t columns) {
  const auto fits = [&](std::size_t count) { return SparseRecord::bytes(count, ops_.bytes) <= limits::kRowBytesMax; };
  const Row* delta = find(slot);
  if (delta == nullptr) return fits(columns);
  Sparse& sparse = sparse_[delta->sparse];
  if (fits(sparse.columns.size() + columns)) return true;
  order(sparse);  // columns that came several times may make room
  return fits(sparse.columns.size() + columns);
}

void WorkerDelta::inc_sparse(std::uint32_t slot, RowId row, ShardId shard, std::span<const Column> columns,
                             const std::byte* updates) {
  Row* delta = find(slot);
  if (delta == nullptr) delta = &add(slot, row, shard);
  delta->view = nullptr;
  Sparse& sparse = sparse_[delta->sparse];
  sparse.columns.insert(sparse.columns.end(), columns.begin(), columns.end());
  sparse.values.insert(sparse.values.end(), updates, updates + columns.size() * ops_.bytes);
  sparse.ordered = false;
}

void WorkerDelta::order(Sparse& sparse) const {
  if (sparse.ordered) return;
  sparse.ordered = true;
  const std::vector<Column>& columns = sparse.columns;
  if (std::adjacent_find(columns.begin(), columns.end(), std::greater_equal<>()) == columns.end()) return;
  std::vector<std::uint32_t> sequence(columns.size());
  std::iota(sequence.begin(), sequence.end(), 0U);
  std::stable_sort(sequence.begin(), sequence.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return columns[a] < columns[b]; });
  Sparse result;
  for (const std::uint32_t at : sequence) {
    const std::byte* value = sparse.values.data() + at * ops_.bytes;
    if (!result.columns.empty() && result.columns.back() == columns[at]) {
      ops_.add(result.values.data() + result.values.size() - ops_.bytes, value, 1);
    } else {
      result.columns.push_back(columns[at]);
      result.values.insert(result.values.end(), value, value + ops_.bytes);
    }
  }
  sparse = std::move(result);
}

const std::byte* WorkerDelta::folded(std::uint32_t slot, const std::byte* base) {
  Row& row = *find(slot);
  // A base keeps its address for as long as this worker may look at it, so that equal addresses are the same version.
  if (row.view != nullptr && row.base == base) return row.view;
  row.base = base;
  if (shape_.kind == RowKind::kSparse) {
    Sparse& sparse = sparse_[row.sparse];
    order(sparse);
    return row.view = fold_sparse(sparse, base);
  }
  std::byte* view = arena_.take(shape_.row_bytes());
  if (base == nullptr) {
    std::memcpy(view, row.dense, shape_.row_bytes());
  } else {
    ops_.sum(view, base, row.dense, static_cast<std::size_t>(shape_.width));
  }
  return row.view = view;
}

const std::byte* WorkerDelta::fold_sparse(const Sparse& delta, const std::byte* base) {
  const std::size_t base_count = base == nullptr ? 0 : SparseRecord::count(base);
  const Column* base_columns = base == nullptr ? nullptr : SparseRecord::columns(base);
  const std::byte* base_values = base == nullptr ? nullptr : base + SparseRecord::values_offset(base_count);
  std::vector<Column> columns;
  columns.reserve(base_count + delta.columns.size());
  std::set_union(base_columns, base_columns + base_count, delta.columns.begin(), delta.columns.end(),
                 std::back_inserter(columns));
  std::byte* view = arena_.take(SparseRecord::bytes(columns.size(), ops_.bytes));
  SparseRecord::set_count(view, columns.size());
  std::copy(columns.begin(), columns.end(), SparseRecord::columns(view));
  std::byte* values = view + SparseRecord::values_offset(columns.size());
  std::size_t from_base = 0;
  std::size_t from_delta = 0;
  for (const Column column : columns) {
    std::memset(values, 0, ops_.bytes);
    if (from_base < base_count && base_columns[from_base] == column) {
      std::memcpy(values, base_values + ops_.bytes * from_base++, ops_.bytes);
    }
    if (from_delta < delta.columns.size() && delta.columns[from_delta] == column) {
      ops_.add(values, delta.values.data() + ops_.bytes * from_delta++, 1);
    }
    values += ops_.bytes;
  }
  return view;
}

std::vector<BufferRef> WorkerDelta::seal(ShardId shard) {
  wire::BlockBuilder& builder = builders_[static_cast<std::size_t>(shard)];
  if (shape_.kind == RowKind::kSparse) {
    for (const Row& row : rows_) {
      if (row.shard != shard) continue;
      Sparse& sparse = sparse_[row.sparse];
      order(sparse);
      const std::size_t count = sparse.columns.size();
      std::byte* record = builder.append_sparse(row.id, count);
      std::byte* values = record + SparseRecord::values_offset(count);
      std::memcpy(SparseRecord::columns(record), sparse.columns.data(), count * sizeof(Column));
      std::memcpy(values, sparse.values.data(), count * ops_.bytes);
    }
  }
  return builder.take();
}

void WorkerDelta::clear() {
  for (const Row& row : rows_) rows_of_slot_[row.slot] = 0;
  rows_.clear();
  for (std::size_t i = 0; i < sparse_used_; ++i) {
    sparse_[i].columns.clear();
    sparse_[i].values.clear();
  }
  sparse_used_ = 0;
}

}  // namespace bosen::core
