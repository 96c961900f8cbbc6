#pragma once

// Blocks of rows from plain numbers.

#include <cstdint>
#include <utility>
#include <vector>

#include "bosen/wire/row_block.h"

namespace bosen::testing {

struct DenseRow {
  RowId id;
  std::vector<double> values;
};
struct SparseRow {
  RowId id;
  std::vector<std::pair<Column, double>> elements;  // by ascending column
};

wire::RowShape dense_shape(ElementType element, std::int64_t width);
wire::RowShape sparse_shape(ElementType element);

/// One sealed block; the rows must fit.
BufferRef dense_block(BufferPool& pool, const wire::RowShape& shape, const std::vector<DenseRow>& rows);
BufferRef sparse_block(BufferPool& pool, const wire::RowShape& shape, const std::vector<SparseRow>& rows);

/// The numbers of one row; zeros and nothing, respectively, where `row` is null.
std::vector<double> dense_values(const wire::RowShape& shape, const std::byte* row);
std::vector<std::pair<Column, double>> sparse_values(const wire::RowShape& shape, const std::byte* row);

}  // namespace bosen::testing
