#pragma once

// A block: rows of one table packed into one buffer, in memory exactly as on the wire, so that what a worker wrote can
// be sent, adopted by a shard, pushed on and published to readers without being copied. Layout (docs/design/wire.md):
//
//   dense   row 0 values, row 1 values, ...          each width * element bytes, from offset 0
//   sparse  record 0, record 1, ...                  each 8-aligned: u32 count, u32 0, u32 columns[count], pad to 8,
//   values tail    i64 ids[rows], sparse only: u32 offsets[rows] of records in units of 8 bytes; 8-aligned, ends the
//   buffer

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/types.h"

namespace bosen::wire {

/// What rows of a table look like.
struct RowShape {
  RowKind kind = RowKind::kDense;
  ElementType element = ElementType::kFloat;
  std::int64_t width = 0;  ///< of dense rows

  [[nodiscard]] std::size_t element_bytes() const { return bosen::element_bytes(element); }
  /// Bytes of a dense row.
  [[nodiscard]] std::size_t row_bytes() const { return static_cast<std::size_t>(width) * element_bytes(); }
  bool operator==(const RowShape&) const = default;
};

constexpr std::size_t align8(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

/// A sparse row inside a block.
struct SparseRecord {
  static std::uint32_t count(const std::byte* record) {
    std::uint32_t value = 0;
    std::memcpy(&value, record, sizeof value);
    return value;
  }
  static const Column* columns(const std::byte* record) { return reinterpret_cast<const Column*>(record + 8); }
  static Column* columns(std::byte* record) { return reinterpret_cast<Column*>(record + 8); }
  static std::size_t values_offset(std::size_t count) { return 8 + align8(count * sizeof(Column)); }
  static std::size_t bytes(std::size_t count, std::size_t element_bytes) {
    return align8(values_offset(count) + count * element_bytes);
  }
  static void set_count(std::byte* record, std::size_t count) {
    const std::uint32_t header[2] = {static_cast<std::uint32_t>(count), 0};
    std::memcpy(record, header, sizeof header);
  }
};

/// A sealed block's rows. Borrows the buffer.
class RowBlockView {
 public:
  /// Of a block sealed in this process, or one that passed `check`.
  RowBlockView(const RowShape& shape, const Buffer& block);

  /// Whether untrusted bytes are a block of that shape with `rows` rows: all offsets inside, sparse columns ascending.
  static bool check(const RowShape& shape, std::span<const std::byte> bytes, std::uint32_t rows);

  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] RowId id(std::size_t i) const { return ids_[i]; }
  [[nodiscard]] std::size_t offset(std::size_t i) const {
    return offsets_ == nullptr ? i * row_bytes_ : std::size_t{offsets_[i]} * 8;
  }

 private:
  std::span<const RowId> ids_;
  const std::uint32_t* offsets_ = nullptr;
  std::size_t row_bytes_ = 0;
};

/// Fills blocks row by row. Single-threaded. Blocks start small and grow to `block_bytes`; after a `take` the next one
/// starts as large as what was taken, so that tables of any size waste little memory.
class BlockBuilder {
 public:
  BlockBuilder(BufferPool& pool, const RowShape& shape, std::size_t block_bytes);

  /// Room for a dense row, its content undefined. It stays in place until the block is taken.
  std::byte* append_dense(RowId row);
  /// Room for a sparse row of `count` elements; the count is filled in, columns and values are not.
  std::byte* append_sparse(RowId row, std::size_t count);
  /// The block that holds the row appended last.
  [[nodiscard]] Buffer* current() const { return block_.get(); }

  [[nodiscard]] bool empty() const { return blocks_.empty() && ids_.empty(); }
  /// All blocks, sealed; the builder is empty afterwards.
  std::vector<BufferRef> take();

 private:
  std::byte* append(RowId row, std::size_t bytes);
  void seal();

  BufferPool& pool_;
  RowShape shape_;
  const std::size_t block_bytes_;
  std::size_t next_bytes_;
  std::size_t taken_bytes_ = 0;         // of the blocks sealed since the last take
  BufferRef block_;                     // being filled
  std::vector<RowId> ids_;              // of its rows
  std::vector<std::uint32_t> offsets_;  // of its sparse records
  std::vector<BufferRef> blocks_;       // sealed
};

/// target[i] += update[i] for `count` elements of some type.
using AddElements = void (*)(std::byte* target, const std::byte* update, std::size_t count);

/// Appends the sum of two sparse records of `row` to the builder and returns it.
std::byte* merge_records(BlockBuilder& builder, RowId row, const std::byte* a, const std::byte* b,
                         std::size_t element_bytes, AddElements add);

}  // namespace bosen::wire
