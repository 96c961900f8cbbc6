#include "tests/support/row_blocks.h"

#include <cstring>

#include "bosen/base/assert.h"

namespace bosen::testing {
namespace {

template <class T>
void write_as(std::byte* target, double value) {
  const T element = static_cast<T>(value);
  std::memcpy(target, &element, sizeof element);
}

template <class T>
double read_double(const std::byte* source) {
  T value{};
  std::memcpy(&value, source, sizeof value);
  return static_cast<double>(value);
}

void write(ElementType type, std::byte* target, double value) {
  if (type == ElementType::kFloat) return write_as<float>(target, value);
  if (type == ElementType::kDouble) return write_as<double>(target, value);
  if (type == ElementType::kInt32) return write_as<std::int32_t>(target, value);
  write_as<std::int64_t>(target, value);
}

double read(ElementType type, const std::byte* source) {
  if (type == ElementType::kFloat) return read_double<float>(source);
  if (type == ElementType::kDouble) return read_double<double>(source);
  if (type == ElementType::kInt32) return read_double<std::int32_t>(source);
  return read_double<std::int64_t>(source);
}

BufferRef only_block(wire::BlockBuilder& builder) {
  std::vector<BufferRef> blocks = builder.take();
  BOSEN_ASSERT(blocks.size() == 1);
  return std::move(blocks.front());
}

constexpr std::size_t kBlockBytes = std::size_t{1} << 24;

}  // namespace

wire::RowShape dense_shape(ElementType element, std::int64_t width) {
  return {.kind = RowKind::kDense, .element = element, .width = width};
}

wire::RowShape sparse_shape(ElementType element) { return {.kind = RowKind::kSparse, .element = element}; }

BufferRef dense_block(BufferPool& pool, const wire::RowShape& shape, const std::vector<DenseRow>& rows) {
  wire::BlockBuilder builder(pool, shape, kBlockBytes);
  std::size_t bytes = 0;
  for (const DenseRow& row : rows) bytes += shape.row_bytes() + sizeof row.id;
  BOSEN_ASSERT(bytes < 4000);  // the first block of a builder is no larger
  for (const DenseRow& row : rows) {
    BOSEN_ASSERT(static_cast<std::int64_t>(row.values.size()) == shape.width);
    std::byte* data = builder.append_dense(row.id);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      write(shape.element, data + i * shape.element_bytes(), row.values[i]);
    }
  }
  return only_block(builder);
}

BufferRef sparse_block(BufferPool& pool, const wire::RowShape& shape, const std::vector<SparseRow>& rows) {
  wire::BlockBuilder builder(pool, shape, kBlockBytes);
  for (const SparseRow& row : rows) {
    const std::size_t count = row.elements.size();
    std::byte* record = builder.append_sparse(row.id, count);
    std::byte* values = record + wire::SparseRecord::values_offset(count);
    for (std::size_t i = 0; i < count; ++i) {
      wire::SparseRecord::columns(record)[i] = row.elements[i].first;
      write(shape.element, values + i * shape.element_bytes(), row.elements[i].second);
    }
  }
  return only_block(builder);
}

std::vector<double> dense_values(const wire::RowShape& shape, const std::byte* row) {
  std::vector<double> values(static_cast<std::size_t>(shape.width), 0.0);
  if (row == nullptr) return values;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = read(shape.element, row + i * shape.element_bytes());
  return values;
}

std::vector<std::pair<Column, double>> sparse_values(const wire::RowShape& shape, const std::byte* row) {
  std::vector<std::pair<Column, double>> elements;
  if (row == nullptr) return elements;
  const std::size_t count = wire::SparseRecord::count(row);
  const std::byte* values = row + wire::SparseRecord::values_offset(count);
  for (std::size_t i = 0; i < count; ++i) {
    elements.emplace_back(wire::SparseRecord::columns(row)[i], read(shape.element, values + i * shape.element_bytes()));
  }
  return elements;
}

}  // namespace bosen::testing
