#include "bosen/wire/row_block.h"

#include <algorithm>

#include "bosen/base/assert.h"

namespace bosen::wire {
namespace {

constexpr std::size_t kFirstBlockBytes = 4096;

std::size_t tail_bytes(RowKind kind, std::size_t rows) {
  return rows * sizeof(RowId) + (kind == RowKind::kSparse ? align8(rows * sizeof(std::uint32_t)) : 0);
}

// Bytes of the record that starts with `data`, if it is one.
std::optional<std::size_t> check_record(const RowShape& shape, std::span<const std::byte> data) {
  if (data.size() < 8) return {};
  const std::size_t count = SparseRecord::count(data.data());
  if (count > data.size() / sizeof(Column)) return {};
  const std::size_t bytes = SparseRecord::bytes(count, shape.element_bytes());
  if (bytes > data.size()) return {};
  const Column* columns = SparseRecord::columns(data.data());
  if (std::adjacent_find(columns, columns + count, std::greater_equal<>()) != columns + count) return {};
  return bytes;
}

// Records must follow each other without gap or overlap: a shard writes into those that it adopts.
bool check_records(const RowShape& shape, std::span<const std::byte> data, std::span<const std::uint32_t> offsets) {
  std::size_t at = 0;
  for (const std::uint32_t offset : offsets) {
    if (std::size_t{offset} * 8 != at) return false;
    const std::optional<std::size_t> bytes = check_record(shape, data.subspan(at));
    if (!bytes) return false;
    at += *bytes;
  }
  return at == data.size();
}

}  // namespace

RowBlockView::RowBlockView(const RowShape& shape, const Buffer& block) : row_bytes_(shape.row_bytes()) {
  const std::size_t rows = block.rows;
  const std::byte* tail = block.data + block.size - tail_bytes(shape.kind, rows);
  ids_ = {reinterpret_cast<const RowId*>(tail), rows};
  if (shape.kind == RowKind::kSparse) {
    offsets_ = reinterpret_cast<const std::uint32_t*>(tail + rows * sizeof(RowId));
  }
}

bool RowBlockView::check(const RowShape& shape, std::span<const std::byte> bytes, std::uint32_t rows) {
  if (rows == 0 || bytes.size() % 8 != 0) return false;
  const std::size_t tail = tail_bytes(shape.kind, rows);
  if (tail > bytes.size()) return false;
  const std::span<const std::byte> data = bytes.first(bytes.size() - tail);
  if (shape.kind == RowKind::kDense) {
    // The division first: the product of two hostile numbers might wrap around to the right size.
    return data.size() / rows >= shape.row_bytes() && data.size() == align8(rows * shape.row_bytes());
  }
  const auto* offsets = reinterpret_cast<const std::uint32_t*>(bytes.data() + data.size() + rows * sizeof(RowId));
  return check_records(shape, data, {offsets, rows});
}

BlockBuilder::BlockBuilder(BufferPool& pool, const RowShape& shape, std::size_t block_bytes)
    : pool_(pool), shape_(shape), block_bytes_(block_bytes), next_bytes_(std::min(block_bytes, kFirstBlockBytes)) {}

std::byte* BlockBuilder::append_dense(RowId row) { return append(row, shape_.row_bytes()); }

std::byte* BlockBuilder::append_sparse(RowId row, std::size_t count) {
  const std::size_t bytes = SparseRecord::bytes(count, shape_.element_bytes());
  std::byte* record = append(row, bytes);
  // The padding after columns and after values travels too.
  std::memset(record + SparseRecord::values_offset(count) - 8, 0, 8);
  std::memset(record + bytes - 8, 0, 8);
  SparseRecord::set_count(record, count);
  return record;
}

std::byte* BlockBuilder::append(RowId row, std::size_t bytes) {
  const std::size_t tail = tail_bytes(shape_.kind, ids_.size() + 1);
  if (block_ && align8(block_->size + bytes) + tail > block_->capacity) seal();
  if (!block_) {
    const std::size_t needed = align8(bytes) + tail_bytes(shape_.kind, 1);
    block_ = pool_.take(std::max(needed, next_bytes_));
    next_bytes_ = std::min(block_bytes_, 2 * next_bytes_);
    block_->size = 0;
  }
  std::byte* data = block_->data + block_->size;
  if (shape_.kind == RowKind::kSparse) offsets_.push_back(static_cast<std::uint32_t>(block_->size / 8));
  ids_.push_back(row);
  block_->size += bytes;
  return data;
}

void BlockBuilder::seal() {
  BOSEN_ASSERT(!ids_.empty());
  const std::size_t padded = align8(block_->size);
  std::memset(block_->data + block_->size, 0, padded - block_->size);
  std::byte* tail = block_->data + padded;
  std::memcpy(tail, ids_.data(), ids_.size() * sizeof(RowId));
  if (shape_.kind == RowKind::kSparse) {
    std::byte* offsets = tail + ids_.size() * sizeof(RowId);
    const std::size_t offset_bytes = offsets_.size() * sizeof(std::uint32_t);
    std::memcpy(offsets, offsets_.data(), offset_bytes);
    std::memset(offsets + offset_bytes, 0, align8(offset_bytes) - offset_bytes);
  }
  block_->size = padded + tail_bytes(shape_.kind, ids_.size());
  block_->rows = static_cast<std::uint32_t>(ids_.size());
  BOSEN_ASSERT(block_->size <= block_->capacity);
  taken_bytes_ += block_->size;
  blocks_.push_back(std::move(block_));
  ids_.clear();
  offsets_.clear();
}

std::vector<BufferRef> BlockBuilder::take() {
  if (!ids_.empty()) seal();
  next_bytes_ = std::clamp(taken_bytes_, std::min(block_bytes_, kFirstBlockBytes), block_bytes_);
  taken_bytes_ = 0;
  return std::exchange(blocks_, {});
}

std::byte* merge_records(BlockBuilder& builder, RowId row, const std::byte* a, const std::byte* b,
                         std::size_t element_bytes, AddElements add) {
  const std::size_t count_a = SparseRecord::count(a);
  const std::size_t count_b = SparseRecord::count(b);
  const Column* columns_a = SparseRecord::columns(a);
  const Column* columns_b = SparseRecord::columns(b);
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < count_a && j < count_b;) {
    const Column column_a = columns_a[i];
    const Column column_b = columns_b[j];
    common += column_a == column_b ? 1 : 0;
    i += column_a <= column_b ? 1 : 0;
    j += column_b <= column_a ? 1 : 0;
  }
  const std::size_t count = count_a + count_b - common;
  std::byte* merged = builder.append_sparse(row, count);
  Column* columns = SparseRecord::columns(merged);
  std::byte* values = merged + SparseRecord::values_offset(count);
  const std::byte* values_a = a + SparseRecord::values_offset(count_a);
  const std::byte* values_b = b + SparseRecord::values_offset(count_b);
  for (std::size_t i = 0, j = 0, k = 0; k < count; ++k, values += element_bytes) {
    const bool take_a = j == count_b || (i < count_a && columns_a[i] <= columns_b[j]);
    const bool take_b = i == count_a || (j < count_b && columns_b[j] <= columns_a[i]);
    columns[k] = take_a ? columns_a[i] : columns_b[j];
    std::memcpy(values, take_a ? values_a + i * element_bytes : values_b + j * element_bytes, element_bytes);
    if (take_a && take_b) add(values, values_b + j * element_bytes, 1);
    i += take_a ? 1 : 0;
    j += take_b ? 1 : 0;
  }
  return merged;
}

}  // namespace bosen::wire
