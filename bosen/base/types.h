#pragma once

// The words of the whole system as types. See docs/design/consistency.md for their meaning.

#include <cstdint>
#include <limits>

namespace bosen {

/// Identifies a row of a table. Any 64-bit value is a valid row id.
using RowId = std::int64_t;

/// Index of an element in a row: below the width in a dense row, any value in a sparse one.
using Column = std::uint32_t;

/// A worker's count of finished iterations on a table.
using Clock = std::int64_t;

/// Numbers the processes of a job, from 0.
using Rank = std::int32_t;

/// Numbers the workers of a job, from 0, in the order of their processes' ranks.
using WorkerId = std::int32_t;

/// Numbers the shards of a job, from 0, in the order of their processes' ranks.
using ShardId = std::int32_t;

/// Numbers the tables of a job in the order in which every process creates them.
using TableId = std::uint32_t;

/// Older than any clock: what a read accepts that has no bound.
inline constexpr Clock kNoClock = std::numeric_limits<Clock>::min();

/// Type of a table's elements.
enum class ElementType : std::uint8_t { kFloat = 1, kDouble = 2, kInt32 = 3, kInt64 = 4 };

/// Whether rows hold a fixed number of elements or only those that were written.
enum class RowKind : std::uint8_t { kDense = 1, kSparse = 2 };

/// Bytes of one element.
constexpr std::size_t element_bytes(ElementType type) {
  return type == ElementType::kFloat || type == ElementType::kInt32 ? 4 : 8;
}

template <class T>
struct ElementTypeOf;
template <>
struct ElementTypeOf<float> {
  static constexpr ElementType value = ElementType::kFloat;
};
template <>
struct ElementTypeOf<double> {
  static constexpr ElementType value = ElementType::kDouble;
};
template <>
struct ElementTypeOf<std::int32_t> {
  static constexpr ElementType value = ElementType::kInt32;
};
template <>
struct ElementTypeOf<std::int64_t> {
  static constexpr ElementType value = ElementType::kInt64;
};

}  // namespace bosen
